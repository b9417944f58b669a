/**
 * Part of every script that reads or deletes requests between replicas: JSON lists by id, and sorted sets that follow
 * from them.
 */
export const REQUESTS = `
local SESSION_ASKED, KIND, ASKER, ASKED_OWNER, EXPIRES_AT, PLACE, TAKEN, ANSWERED_AT, BODY = 1, 2, 3, 4, 5, 6, 7, 8, 9

local function request(id)
  local text = redis.call('HGET', REQUEST, id)
  return text and cjson.decode(text)
end

local function isVoid(it) return it[ANSWERED_AT] == NULL and now > it[EXPIRES_AT] end

local function saveRequest(id, it)
  redis.call('HSET', REQUEST, id, cjson.encode(it))
  local member = rangeOf(it[ASKED_OWNER]) .. it[PLACE] .. id
  if it[TAKEN] then redis.call('ZREM', WAITING, member) else redis.call('ZADD', WAITING, 0, member) end
  redis.call('ZADD', ASKED, 0, rangeOf(it[SESSION_ASKED]) .. id)
  if it[ANSWERED_AT] == NULL then
    redis.call('ZADD', EXPIRING, string.format('%.0f', it[EXPIRES_AT]), id)
  else
    redis.call('ZREM', EXPIRING, id)
    redis.call('ZADD', ANSWERED, string.format('%.0f', it[ANSWERED_AT]), id)
  end
end

local function forgetRequest(id, it)
  redis.call('HDEL', REQUEST, id)
  redis.call('ZREM', WAITING, rangeOf(it[ASKED_OWNER]) .. it[PLACE] .. id)
  redis.call('ZREM', ASKED, rangeOf(it[SESSION_ASKED]) .. id)
  redis.call('ZREM', EXPIRING, id)
  redis.call('ZREM', ANSWERED, id)
end

-- What waits for an owner that still holds the session, oldest first, up to a limit.
local function waitingFor(owner, limit)
  local range, found = rangeOf(owner), {}
  -- There are few, and none most of the time.
  for _, member in ipairs(redis.call('ZRANGEBYLEX', WAITING, '(' .. range, '(' .. range .. '\\255', 'LIMIT', 0, 1000)) do
    local id = string.sub(member, #range + 17)
    local it = request(id)
    local row = it and not isVoid(it) and parseRow(redis.call('HGET', SESSION, it[SESSION_ASKED]))
    if row and row[OWNER] == owner then
      found[#found + 1] = { id, it }
      if #found == limit then break end
    end
  end
  return found
end

-- Whoever may not publish has to wait for the next beat.
local function notify(channel, incarnations)
  for incarnation in pairs(incarnations) do redis.pcall('PUBLISH', channel, incarnation) end
end
`;
