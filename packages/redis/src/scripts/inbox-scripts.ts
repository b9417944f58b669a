import { script, scriptOnce } from '../driver/run-script.js';
import { REQUESTS } from './inbox-parts.js';
import { LEASES, ROWS } from './script-parts.js';

/**
 * Arguments: channel, asker, milliseconds to live, JSON `[[id, session id, kind], …]`. Returns the ids that are put.
 */
export const askScript = script(
  ROWS,
  LEASES,
  REQUESTS,
  `
  local put, owners = {}, {}
  for _, asked in ipairs(cjson.decode(args[4])) do
    local id, sessionId = asked[1], asked[2]
    if redis.call('HEXISTS', REQUEST, id) == 1 then
      put[#put + 1] = id
    else
      local row = parseRow(redis.call('HGET', SESSION, sessionId))
      if row and row[OWNER] ~= NULL and not isOver(row[OWNER]) then
        local place = string.format('%016.0f', redis.call('HINCRBY', META, 'request', 1))
        local expiresAt = now + math.floor(tonumber(args[3]))
        saveRequest(id, { sessionId, asked[3], args[2], row[OWNER], expiresAt, place, false, NULL, NULL })
        put[#put + 1] = id
        owners[row[OWNER]] = true
      end
    end
  end
  notify(args[1], owners)
  return put`,
);

/** Arguments: owner, limit. Returns id, session and kind of each. */
export const takeScript = scriptOnce(
  ROWS,
  LEASES,
  REQUESTS,
  `
  local taken = {}
  if isOver(args[1]) then return taken end
  for _, found in ipairs(waitingFor(args[1], tonumber(args[2]))) do
    local id, it = found[1], found[2]
    it[TAKEN] = true
    saveRequest(id, it)
    for _, value in ipairs({ id, it[SESSION_ASKED], it[KIND] }) do taken[#taken + 1] = value end
  end
  return taken`,
);

/** Arguments: channel, owner, JSON `[[id, body], …]`. */
export const answerScript = script(
  ROWS,
  LEASES,
  REQUESTS,
  `
  local askers = {}
  if isOver(args[2]) then return end
  for _, answer in ipairs(cjson.decode(args[3])) do
    local it = request(answer[1])
    if it and it[ASKED_OWNER] == args[2] and it[TAKEN] and it[ANSWERED_AT] == NULL and not isVoid(it) then
      it[ANSWERED_AT], it[BODY] = now, answer[2]
      saveRequest(answer[1], it)
      askers[it[ASKER]] = true
    end
  end
  notify(args[1], askers)`,
);

/** Arguments: ids. Returns id and body of each that is answered, and removes it. */
export const collectScript = scriptOnce(
  ROWS,
  REQUESTS,
  `
  local found = {}
  for _, id in ipairs(args) do
    local it = request(id)
    if it and it[ANSWERED_AT] ~= NULL then
      forgetRequest(id, it)
      found[#found + 1] = id
      found[#found + 1] = it[BODY]
    end
  end
  return found`,
);

/** Arguments: milliseconds that an answer is kept, limit. Returns how many were deleted. */
export const pruneRequestsScript = scriptOnce(
  ROWS,
  REQUESTS,
  `
  local limit, count = tonumber(args[2]), 0
  local function prune(set, before)
    local top = '(' .. string.format('%.0f', before)
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', set, '-inf', top, 'LIMIT', 0, limit - count)) do
      local it = request(id)
      if it then forgetRequest(id, it) else redis.call('ZREM', set, id) end
      count = count + 1
    end
  end
  prune(EXPIRING, now)
  if count < limit then prune(ANSWERED, now - tonumber(args[1])) end
  return count`,
);
