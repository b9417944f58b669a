/** Entries that are kept of one session: one that flaps must not push out what the others went through. */
export const MOST_OF_SESSION = 1_000;
/** Entries that are kept of all sessions, some 25 MB. */
export const MOST_ENTRIES = 100_000;

/**
 * Part of every script on sessions. Whatever saves a row goes through `textOf`, which compares it with what it said
 * when it was read, so no operation has to think of its entry. The feed is a stream, whose ids never go back even
 * where the clock does; beside it a sorted set has the ids of each session in their order.
 */
export const HISTORY = `
-- What rows said when they were read.
local SAID = {}

local function isLater(one, other)
  local ms, no = string.match(one, '^(%d+)-(%d+)$')
  local otherMs, otherNo = string.match(other, '^(%d+)-(%d+)$')
  if ms ~= otherMs then return tonumber(ms) > tonumber(otherMs) end
  return tonumber(no) > tonumber(otherNo)
end

-- Places in the sorted set are padded, so that their order is that of their numbers.
local function placeOf(entry)
  return string.format('%015.0f-%010.0f', string.match(entry, '^(%d+)-(%d+)$'))
end

local function entryAt(place)
  return string.format('%.0f-%.0f', string.match(place, '^(%d+)-(%d+)$'))
end

local function noteForgotten(entry)
  local forgotten = redis.call('HGET', META, 'forgotten')
  if not forgotten or isLater(entry, forgotten) then redis.call('HSET', META, 'forgotten', entry) end
end

local function forgetEntry(entry, id)
  redis.call('XDEL', FEED, entry)
  redis.call('ZREM', CHANGED, rangeOf(id) .. placeOf(entry))
  noteForgotten(entry)
end

local function placesOf(id, count)
  local range = rangeOf(id)
  local members = redis.call('ZRANGEBYLEX', CHANGED, '(' .. range, '(' .. range .. '\\255', 'LIMIT', 0, count)
  for index, member in ipairs(members) do members[index] = string.sub(member, #range + 1) end
  return members
end

-- A row that is gone takes its entries along; nobody has missed them.
local function forgetHistory(id)
  for _, place in ipairs(placesOf(id, -1)) do redis.call('XDEL', FEED, entryAt(place)) end
  local range = rangeOf(id)
  redis.call('ZREMRANGEBYLEX', CHANGED, '(' .. range, '(' .. range .. '\\255')
end

local function keepChange(id, row)
  local said = SAID[row]
  if not said then return end
  if said[1] == row[STATUS] and said[2] == row[HEALTH] and said[3] == row[EVIDENCE] and said[4] == row[REASON] then return end
  local owner = NULL
  if row[EVIDENCE] == 'observed' then owner = row[OWNER] ~= NULL and row[OWNER] or said[5] end
  local entry = redis.call('XADD', FEED, '*', id,
    cjson.encode({ now, said[1], row[STATUS], row[EVIDENCE], row[HEALTH], row[REASON], row[DETAIL], owner }))
  local range = rangeOf(id)
  redis.call('ZADD', CHANGED, 0, range .. placeOf(entry))
  if redis.call('ZLEXCOUNT', CHANGED, '(' .. range, '(' .. range .. '\\255') > ${MOST_OF_SESSION} then
    forgetEntry(entryAt(placesOf(id, 1)[1]), id)
  end
  if redis.call('XLEN', FEED) > ${MOST_ENTRIES} then
    local oldest = redis.call('XRANGE', FEED, '-', '+', 'COUNT', 1)[1]
    forgetEntry(oldest[1], oldest[2][1])
  end
end

local function noteSaid(row)
  SAID[row] = { row[STATUS], row[HEALTH], row[EVIDENCE], row[REASON], row[OWNER] }
end
`;
