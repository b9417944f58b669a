import { script, scriptOnce } from '../driver/run-script.js';
import { REQUESTS } from './inbox-parts.js';
import { DELETE_ROW } from './ownership-scripts.js';
import { LEASES, ROWS, SERVER_IDENTITY } from './script-parts.js';

/** The rule of `CleanupStore`, on the very row that is changed in the same script. */
const RULE = `
local AT_REST = { QR_CODE = true, LOGGED_OUT = true, ERROR = true, DISCONNECTED = true }

local function aliveAt(row)
  if row[SEEN_AT] ~= NULL then return row[SEEN_AT] end
  return row[CREATED_AT]
end

local function suspects(owner)
  local beat = heartbeat(owner)
  return beat and (beat[OUTAGE] or beat[STUCK])
end

local function holds(row, stage, inactiveFor, restedFor)
  if row[STATUS] == 'CONNECTED' or now - aliveAt(row) <= inactiveFor then return false end
  local rested = now - row[SETTLED_AT] >= restedFor
  if stage == 'purge' then return not row[ACTIVE] and row[OWNER] == NULL and rested end
  return row[ACTIVE] and (row[OWNER] == NULL or (AT_REST[row[STATUS]] and not suspects(row[OWNER]) and rested))
end

local function idsAfter(set, after, count)
  return redis.call('ZRANGEBYLEX', set, after ~= '' and '(' .. after or '-', '+', 'LIMIT', 0, count)
end

local function describe(found, id, row)
  found[#found + 1] = cjson.encode({ id, row[STATUS], aliveAt(row), now - aliveAt(row) })
end
`;

const HELD = `
local held = heldUntil()
if now < held then return { 'held', string.format('%.0f', held) } end
`;

/**
 * One slice of all rows. Arguments: where the slice before ended (empty at first), rows. Returns
 * `[end, total, active]`.
 */
export const censusScript = script(
  ROWS,
  LEASES,
  RULE,
  `
  local ids, total, active = idsAfter(IDS, args[1], args[2]), 0, 0
  for _, text in ipairs(rowTexts(ids)) do
    local row = parseRow(text)
    if row then total = total + 1 end
    if row and row[ACTIVE] then active = active + 1 end
  end
  return { #ids == tonumber(args[2]) and ids[#ids] or '', total, active }`,
);

/**
 * One slice of all rows. Arguments: stage, inactive for, rested for, where to begin, rows of a slice, limit. Returns
 * `[end, candidates]`, a JSON list `[id, status, alive at, inactive for]` each.
 */
export const candidatesScript = script(
  ROWS,
  LEASES,
  RULE,
  `
  local stage, inactiveFor, restedFor, limit = args[1], tonumber(args[2]), tonumber(args[3]), tonumber(args[6])
  local ids, found = idsAfter(IDS, args[4], args[5]), {}
  for index, text in ipairs(rowTexts(ids)) do
    -- Most rows: not worth parsing.
    if text and string.sub(text, 1, 12) ~= '["CONNECTED"' then
      local row = parseRow(text)
      if row and holds(row, stage, inactiveFor, restedFor) and not redis.call('ZSCORE', MARKED, ids[index]) then
        describe(found, ids[index], row)
        if #found == limit then return { '', found } end
      end
    end
  end
  return { #ids == tonumber(args[5]) and ids[#ids] or '', found }`,
);

/** Arguments: after, limit. */
export const markedScript = script(
  ROWS,
  LEASES,
  RULE,
  `
  local ids, found = idsAfter(MARKED, args[1], args[2]), {}
  for index, text in ipairs(rowTexts(ids)) do
    local row = parseRow(text)
    if row then describe(found, ids[index], row) end
  end
  return found`,
);

/** Arguments: inactive for and rested for, then ids. Returns `done` and the ids, or `held` and until when. */
export const deactivateScript = scriptOnce(
  ROWS,
  LEASES,
  SERVER_IDENTITY,
  RULE,
  HELD,
  `
  local done = { 'done' }
  for index = 3, #args do
    local id = args[index]
    local row = parseRow(redis.call('HGET', SESSION, id))
    if row and holds(row, 'deactivate', tonumber(args[1]), tonumber(args[2])) then
      endRow(id, row, 'inactive', NULL, 'unobserved', now)
      row[ACTIVE] = false
      saveRow(id, row)
      keepClaimable(id, row)
      done[#done + 1] = id
    end
  end
  return done`,
);

/** Arguments: inactive for and rested for, then ids. Returns as `deactivateScript`. */
export const markForPurgeScript = scriptOnce(
  ROWS,
  LEASES,
  SERVER_IDENTITY,
  RULE,
  HELD,
  `
  local done = { 'done' }
  for index = 3, #args do
    local id = args[index]
    local row = parseRow(redis.call('HGET', SESSION, id))
    if row and holds(row, 'purge', tonumber(args[1]), tonumber(args[2])) then
      redis.call('ZADD', MARKED, 0, id)
      done[#done + 1] = id
    end
  end
  return done`,
);

/**
 * Arguments: nothing, then ids; two keys of its own for each: its credentials, and the quarantined ones.
 */
export const purgeScript = scriptOnce(
  ROWS,
  LEASES,
  SERVER_IDENTITY,
  REQUESTS,
  DELETE_ROW,
  HELD,
  `
  local done = { 'done' }
  for index = 2, #args do
    local id = args[index]
    local row = parseRow(redis.call('HGET', SESSION, id))
    if row and not row[ACTIVE] and row[OWNER] == NULL and redis.call('ZSCORE', MARKED, id) then
      deleteRow(id, row, KEYS[OWN + index * 2 - 3], KEYS[OWN + index * 2 - 2])
      done[#done + 1] = id
    end
  end
  return done`,
);
