import type { StoreKeys } from '../driver/keys.js';
import { HISTORY } from './history-parts.js';

/**
 * The keys that every script on sessions declares, by their names in Lua; keys of its own come after them, from
 * `KEYS[OWN + 1]`.
 */
const SESSION_KEYS = {
  SESSION: 'session',
  IDS: 'ids',
  OWNED: 'owned',
  CLAIMABLE: 'claimable',
  MARKED: 'marked',
  REPLICA: 'replica',
  META: 'meta',
  UNHELD: 'unheld',
  FEED: 'feed',
  CHANGED: 'changed',
  REQUEST: 'request',
  WAITING: 'waiting',
  ASKED: 'asked',
  EXPIRING: 'expiring',
  ANSWERED: 'answered',
  ORDER: 'order',
} as const satisfies Record<string, keyof StoreKeys>;

const LUA_NAMES = Object.keys(SESSION_KEYS);

/** Their names in a store, in that order. */
export function sessionKeys(keys: StoreKeys): string[] {
  return Object.values(SESSION_KEYS).map((name) => keys[name]);
}

/** Part that gives the keys their names. */
export const KEY_NAMES = `
local ${LUA_NAMES.join(', ')} = unpack(KEYS)
local OWN = ${LUA_NAMES.length}
local NULL = cjson.null
`;

/**
 * Rows. A row is a JSON list; its first six fields are what a sweep judges, so that a row that is right is known by
 * the first bytes of its text and is not parsed. One encoder writes all rows, so equal fields are equal bytes.
 */
export const ROWS = `
${KEY_NAMES}
local STATUS, HEALTH, EVIDENCE, DESIRED, REASON, OWNER, HASH, VERSION, TENURE, ACTIVE, WRITE_ID, CHANGED_AT, SEEN_AT,
  CREATED_AT, SETTLED_AT, ATTEMPT, PHONE, QR, DETAIL = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19

-- No two names' ranges in a sorted set touch: the length comes first, and nothing behind it begins with the byte that
-- ends a range.
local function rangeOf(name) return #name .. ':' .. name .. ':' end

${HISTORY}

-- Lua can pass some thousand values to one call.
local function fieldsOf(hash, names)
  local texts = {}
  for from = 1, #names, 1000 do
    local found = redis.call('HMGET', hash, unpack(names, from, math.min(from + 999, #names)))
    for index = 1, #found do texts[from + index - 1] = found[index] end
  end
  return texts
end

local function rowTexts(ids) return fieldsOf(SESSION, ids) end

-- A row that somebody damaged counts as none, so that it holds up no other.
local function parseRow(text)
  local parsed, row = pcall(cjson.decode, text or 'null')
  if not parsed or type(row) ~= 'table' or #row ~= DETAIL or type(row[VERSION]) ~= 'number' then return nil end
  noteSaid(row)
  return row
end

-- The only way in which a row becomes a text.
local function textOf(id, row)
  keepChange(id, row)
  return cjson.encode(row)
end

local function saveRow(id, row)
  local text = textOf(id, row)
  redis.call('HSET', SESSION, id, text)
  return text
end

local function keepClaimable(id, row)
  if row[OWNER] == NULL and row[ACTIVE] and row[DESIRED] == 'running' and row[STATUS] ~= 'LOGGED_OUT' then
    redis.call('ZADD', CLAIMABLE, 0, id)
  else
    redis.call('ZREM', CLAIMABLE, id)
  end
end

-- Why a login ended says more than who held it last.
local function endRow(id, row, code, detail, evidence, seenAt)
  -- What an earlier system said is no proof of life.
  local status, seen = row[STATUS], row[EVIDENCE] == 'observed'
  if row[OWNER] ~= NULL then redis.call('ZREM', OWNED, rangeOf(row[OWNER]) .. id) end
  row[OWNER], row[TENURE], row[VERSION], row[EVIDENCE], row[QR] = NULL, NULL, row[VERSION] + 1, evidence, NULL
  row[SETTLED_AT] = now
  if status == 'CONNECTED' and seen then row[SEEN_AT] = seenAt end
  if status ~= 'LOGGED_OUT' then
    row[STATUS], row[HEALTH], row[ATTEMPT], row[REASON], row[DETAIL] = 'DISCONNECTED', 'healthy', 0, code, detail
    if status ~= 'DISCONNECTED' then row[CHANGED_AT] = now end
  end
end
`;

/** Heartbeats: JSON lists by incarnation. */
export const LEASES = `
local REPLICA_ID, NUMBER, JOINED, BEAT_AT, TTL, FENCED, OUTAGE, STUCK = 1, 2, 3, 4, 5, 6, 7, 8

local function heartbeat(incarnation)
  local text = redis.call('HGET', REPLICA, incarnation)
  return text and cjson.decode(text)
end

local function saveHeartbeat(incarnation, beat) redis.call('HSET', REPLICA, incarnation, cjson.encode(beat)) end

local function ownsSome(owner)
  local range = rangeOf(owner)
  return #redis.call('ZRANGEBYLEX', OWNED, '(' .. range, '(' .. range .. '\\255', 'LIMIT', 0, 1) > 0
end

local function stands(incarnation)
  local beat = heartbeat(incarnation)
  return beat and not beat[FENCED]
end

local function isOver(incarnation)
  local beat = heartbeat(incarnation)
  return not beat or beat[FENCED] or now - beat[BEAT_AT] > beat[TTL]
end
`;

/**
 * Which server this is. A restart gives it another run id and a fail-over another history, and either may have taken
 * back what was written last: for one lease nothing is destroyed. Both stand in the data, so whoever comes next sees
 * them too.
 */
export const SERVER_IDENTITY = `
local function infoOf(section, pattern)
  local text = redis.pcall('INFO', section)
  return type(text) == 'string' and string.match(text, pattern) or '-'
end

local function heldUntil()
  local server = infoOf('server', 'run_id:(%x+)') .. ' ' .. infoOf('replication', 'master_replid:(%x+)')
  local known = redis.call('HGET', META, 'server')
  if known == server then return tonumber(redis.call('HGET', META, 'held_until') or 0) end
  redis.call('HSET', META, 'server', server)
  if not known then return 0 end
  local lease = 0
  for _, text in ipairs(redis.call('HVALS', REPLICA)) do lease = math.max(lease, cjson.decode(text)[5]) end
  if lease == 0 then lease = 30000 end
  redis.call('HSET', META, 'held_until', string.format('%.0f', now + lease))
  return now + lease
end
`;

/**
 * What goes back to the client where a script returns rows: the texts by id, and the heartbeats that they are read
 * with.
 */
export const ANSWER_ROWS = `
local function answerRows(rows) return { rows, redis.call('HGETALL', REPLICA) } end
`;

/**
 * Part of every script whose calls of one process are numbered: one that was given up when a connection broke may
 * arrive after a newer one, and a fence by tenure does not distinguish them. Sent twice, a call is itself again. A
 * field of the order is process and number of the last call that changed credentials, then the same of the last call
 * for what the host wants.
 */
export const CALL_ORDER = `
local function placesOf(reached)
  local auth, desired = string.match(reached or '', '^(%S+ %d+) ?(.*)$')
  return auth or '- 0', desired or ''
end

local function isBehind(place, writer, number)
  local last, no = string.match(place, '^(%S+) (%d+)$')
  return last == writer and tonumber(no) > tonumber(number)
end

local function withAuth(reached, place)
  local _, desired = placesOf(reached)
  return desired == '' and place or place .. ' ' .. desired
end

local function withDesired(reached, place)
  local auth = placesOf(reached)
  return auth .. ' ' .. place
end
`;
