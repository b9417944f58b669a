import { script, scriptOnce } from '../driver/run-script.js';
import { REQUESTS } from './inbox-parts.js';
import { ANSWER_ROWS, CALL_ORDER, LEASES, ROWS } from './script-parts.js';

/**
 * Arguments: owner, JSON `[[id, tenure, mode], …]`, deadline or nothing. Returns for each the row's text, or `-` and
 * the word that says why not.
 */
export const claimScript = script(
  ROWS,
  LEASES,
  ANSWER_ROWS,
  `
  local owner, outcomes = args[1], {}
  local standing, late = stands(owner), args[3] ~= '' and now >= tonumber(args[3])
  for index, claim in ipairs(cjson.decode(args[2])) do
    local id, tenure, free = claim[1], claim[2], claim[3] == 'free'
    local text = redis.call('HGET', SESSION, id)
    local row = parseRow(text)
    if not standing then
      outcomes[index] = '-fenced'
    elseif not row then
      outcomes[index] = '-missing'
      redis.call('ZREM', CLAIMABLE, id)
    elseif row[OWNER] == owner and row[TENURE] == tenure then
      outcomes[index] = text
    elseif late then
      outcomes[index] = '-late'
    elseif free and row[OWNER] ~= NULL and row[OWNER] ~= owner then
      outcomes[index] = '-held'
    elseif free and not row[ACTIVE] then
      outcomes[index] = '-inactive'
    else
      if row[OWNER] ~= NULL then redis.call('ZREM', OWNED, rangeOf(row[OWNER]) .. id) end
      row[OWNER], row[TENURE], row[ACTIVE], row[VERSION], row[SETTLED_AT] = owner, tenure, true, row[VERSION] + 1, now
      outcomes[index] = saveRow(id, row)
      redis.call('ZADD', OWNED, 0, rangeOf(owner) .. id)
      redis.call('ZREM', CLAIMABLE, id)
      redis.call('ZREM', MARKED, id)
      redis.call('ZREM', UNHELD, id)
    end
  end
  return answerRows(outcomes)`,
);

/** Arguments: limit, last id of the page before or nothing. Returns the ids, and who lives where there are any. */
export const claimableScript = script(
  ROWS,
  LEASES,
  `
  local ids, living = redis.call('ZRANGEBYLEX', CLAIMABLE, args[2] == '' and '-' or '(' .. args[2], '+', 'LIMIT', 0, args[1]), {}
  for _, incarnation in ipairs(#ids > 0 and redis.call('HKEYS', REPLICA) or {}) do
    if not isOver(incarnation) then living[#living + 1] = incarnation end
  end
  return { ids, living }`,
);

/**
 * Arguments: owner, JSON `[reason code, detail]`, JSON list of the ids whose sockets may live on, limit, JSON list of
 * `[id, tenure]` or nothing (then the owner's first ones). Returns the ids.
 */
export const releaseScript = scriptOnce(
  ROWS,
  `
  local owner, reason = args[1], cjson.decode(args[2])
  local unobserved, tenures, ids, released = {}, {}, {}, {}
  for _, id in ipairs(cjson.decode(args[3])) do unobserved[id] = true end
  if args[5] then
    for index, named in ipairs(cjson.decode(args[5])) do
      ids[index], tenures[named[1]] = named[1], named[2]
    end
  else
    local range = rangeOf(owner)
    ids = redis.call('ZRANGEBYLEX', OWNED, '(' .. range, '(' .. range .. '\\255', 'LIMIT', 0, args[4])
    for index, member in ipairs(ids) do ids[index] = string.sub(member, #range + 1) end
  end
  for _, id in ipairs(ids) do
    local text = redis.call('HGET', SESSION, id)
    local row = parseRow(text)
    if row and row[OWNER] == owner and (not args[5] or row[TENURE] == tenures[id]) then
      -- Under a live lease CONNECTED means proof of life until now.
      endRow(id, row, reason[1], reason[2], unobserved[id] and 'unobserved' or 'observed', now)
      saveRow(id, row)
      keepClaimable(id, row)
      released[#released + 1] = id
    elseif not args[5] then
      -- Without a row behind it the same ids would be found for ever.
      redis.call('ZREM', OWNED, rangeOf(owner) .. id)
    end
  end
  return { #ids, released }`,
);

/**
 * Arguments: id, desired, process, its number of this call. A call that comes after a newer one of the same process
 * changes nothing.
 */
export const setDesiredScript = scriptOnce(
  ROWS,
  ANSWER_ROWS,
  CALL_ORDER,
  `
  local id, desired = args[1], args[2]
  local text = redis.call('HGET', SESSION, id)
  local row = parseRow(text)
  if not row then return answerRows({}) end
  local reached = redis.call('HGET', ORDER, id)
  local _, lastCall = placesOf(reached)
  if isBehind(lastCall, args[3], args[4]) then return answerRows({ id, text }) end
  redis.call('HSET', ORDER, id, withDesired(reached, args[3] .. ' ' .. args[4]))
  row[DESIRED], row[ACTIVE], row[VERSION] = desired, row[ACTIVE] or desired == 'running', row[VERSION] + 1
  text = saveRow(id, row)
  keepClaimable(id, row)
  if desired == 'running' then redis.call('ZREM', MARKED, id) end
  return answerRows({ id, text })`,
);

/** Part of every script that deletes a row: its credentials, its history and what was asked of it go with it. */
export const DELETE_ROW = `
local function deleteRow(id, row, auth, aside)
  if row and row[OWNER] ~= NULL then redis.call('ZREM', OWNED, rangeOf(row[OWNER]) .. id) end
  redis.call('HDEL', SESSION, id)
  redis.call('ZREM', IDS, id)
  redis.call('ZREM', CLAIMABLE, id)
  redis.call('ZREM', MARKED, id)
  redis.call('ZREM', UNHELD, id)
  redis.call('UNLINK', auth, aside)
  redis.call('HDEL', ORDER, id)
  forgetHistory(id)
  local range = rangeOf(id)
  for _, member in ipairs(redis.call('ZRANGEBYLEX', ASKED, '(' .. range, '(' .. range .. '\\255')) do
    local asked = string.sub(member, #range + 1)
    local it = request(asked)
    if it then forgetRequest(asked, it) else redis.call('ZREM', ASKED, member) end
  end
end
`;

/**
 * Argument: id; keys of its own: the credentials of the session, and the quarantined ones. Returns 1 where there was a
 * row.
 */
export const removeScript = scriptOnce(
  ROWS,
  REQUESTS,
  DELETE_ROW,
  `
  local text = redis.call('HGET', SESSION, args[1])
  if not text then return 0 end
  deleteRow(args[1], parseRow(text), KEYS[OWN + 1], KEYS[OWN + 2])
  return 1`,
);
