import { script } from '../driver/run-script.js';
import { LEASES, ROWS, SERVER_IDENTITY } from './script-parts.js';

/** Runs that are remembered of each job. */
const KEPT = 1_000;

/**
 * Runs: JSON lists by id. Keys after those of the sessions: jobs, runs, and the numbers of the runs of one or more
 * jobs.
 */
const RUNS = `
local JOB, RUN = KEYS[OWN + 1], KEYS[OWN + 2]
local RUN_JOB, SLOT, RUN_OWNER, OUTCOME, STARTED_AT, ENDED_AT, COUNTS, ERROR, NUMBER = 1, 2, 3, 4, 5, 6, 7, 8, 9

local function run(id)
  local text = redis.call('HGET', RUN, id)
  return text and cjson.decode(text)
end

local function endRun(id, ended, outcome, counts, error)
  ended[OUTCOME], ended[ENDED_AT], ended[COUNTS], ended[ERROR] = outcome, now, counts, error
  redis.call('HSET', RUN, id, cjson.encode(ended))
  if redis.call('HGET', JOB, 'running:' .. ended[RUN_JOB]) == id then
    redis.call('HDEL', JOB, 'running:' .. ended[RUN_JOB])
  end
end
`;

/** Argument: job. Returns the instant of its last slot. */
export const lastSlotScript = script(
  ROWS,
  RUNS,
  `
  redis.call('HSETNX', JOB, 'slot:' .. args[1], string.format('%.0f', now))
  return redis.call('HGET', JOB, 'slot:' .. args[1])`,
);

/**
 * Arguments: run id, job, slot or an empty text, owner; the last key has the numbers of the job's runs. Returns
 * `[word, run id, run]`. While a server that changed is held, a run is answered to go on: the slot waits, and is asked
 * for again.
 */
export const beginScript = script(
  ROWS,
  LEASES,
  SERVER_IDENTITY,
  RUNS,
  `
  local id, job, slot, owner, NUMBERS = args[1], args[2], tonumber(args[3]), args[4], KEYS[OWN + 3]
  local same = redis.call('HGET', RUN, id)
  if same then return { 'begun', id, same } end
  if not stands(owner) then return { 'fenced' } end
  local other = redis.call('HGET', JOB, 'running:' .. job)
  local underWay = other and run(other)
  if underWay then
    if not isOver(underWay[RUN_OWNER]) then return { 'running', other, cjson.encode(underWay) } end
    endRun(other, underWay, 'abandoned', underWay[COUNTS], underWay[ERROR])
  end
  if now < heldUntil() then return { 'running' } end
  local last = tonumber(redis.call('HGET', JOB, 'slot:' .. job) or nil)
  if slot and last and slot <= last then
    local newest = redis.call('ZREVRANGE', NUMBERS, 0, 0)[1]
    if not newest then return { 'slot_taken' } end
    return { 'slot_taken', newest, redis.call('HGET', RUN, newest) }
  end
  local number = redis.call('HINCRBY', JOB, 'number', 1)
  local begun = cjson.encode({ job, slot or NULL, owner, 'running', now, NULL, '{}', NULL, number })
  redis.call('HSET', RUN, id, begun)
  redis.call('HSET', JOB, 'running:' .. job, id)
  if slot then redis.call('HSET', JOB, 'slot:' .. job, args[3]) end
  redis.call('ZADD', NUMBERS, number, id)
  for _, old in ipairs(redis.call('ZRANGE', NUMBERS, 0, -${KEPT + 1})) do
    redis.call('ZREM', NUMBERS, old)
    redis.call('HDEL', RUN, old)
  end
  return { 'begun', id, begun }`,
);

/** Arguments: run id, owner, outcome, counts as JSON, JSON `[error]`. Returns 1 where the run has ended so. */
export const endScript = script(
  ROWS,
  RUNS,
  `
  local ending = run(args[1])
  if not ending or ending[RUN_OWNER] ~= args[2] then return 0 end
  if ending[OUTCOME] == args[3] then return 1 end
  if ending[OUTCOME] ~= 'running' then return 0 end
  endRun(args[1], ending, args[3], args[4], cjson.decode(args[5])[1])
  return 1`,
);

/**
 * Arguments: limit, JSON `[before]` or `[]`; the last keys are the numbers of the runs of each job that is asked for.
 * Returns ids and runs.
 */
export const listRunsScript = script(
  ROWS,
  RUNS,
  `
  local limit, before, top = tonumber(args[1]), cjson.decode(args[2])[1], '+inf'
  if before then
    local last = run(before)
    if not last then return {} end
    top = '(' .. string.format('%.0f', last[NUMBER])
  end
  local found = {}
  for index = OWN + 3, #KEYS do
    local page = redis.call('ZREVRANGEBYSCORE', KEYS[index], top, '-inf', 'WITHSCORES', 'LIMIT', 0, limit)
    for at = 1, #page, 2 do found[#found + 1] = { page[at], tonumber(page[at + 1]) } end
  end
  table.sort(found, function(a, b) return a[2] > b[2] end)
  local answer = {}
  for index = 1, math.min(limit, #found) do
    answer[#answer + 1] = found[index][1]
    answer[#answer + 1] = redis.call('HGET', RUN, found[index][1])
  end
  return answer`,
);

/** Argument: run id. Returns the run. */
export const getRunScript = script(ROWS, RUNS, `return redis.call('HGET', RUN, args[1])`);
