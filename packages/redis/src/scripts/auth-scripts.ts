import { script, scriptOnce } from '../driver/run-script.js';
import { CALL_ORDER, ROWS } from './script-parts.js';

/** Part of the scripts on the credentials of one session. */
const ALONE_IN_ORDER = `
local ORDER = KEYS[1]
local reached = redis.call('HGET', ORDER, args[3])
if isBehind((placesOf(reached)), args[1], args[2]) then return 0 end
redis.call('HSET', ORDER, args[3], withAuth(reached, args[1] .. ' ' .. args[2]))
`;

/**
 * Writes of many sessions, for each all or none. Arguments: writer, its number of this call, JSON
 * `[[session id, tenure or null, number of entries], …]`, then name and value of every entry in that order, an empty
 * value for a deletion; keys of its own: the credentials of each session. Returns `written`, `lost` or `missing` for
 * each; nobody waits for the answer to one that is late.
 */
export const writeAuthScript = script(
  ROWS,
  CALL_ORDER,
  `
  local sessions, ids = cjson.decode(args[3]), {}
  for index, session in ipairs(sessions) do ids[index] = session[1] end
  local texts, reached = rowTexts(ids), fieldsOf(ORDER, ids)
  local verdicts, order, at, place = {}, {}, 4, args[1] .. ' ' .. args[2]
  for index, session in ipairs(sessions) do
    local id, tenure, text, entries = session[1], session[2], texts[index], session[3]
    -- Most rows are not worth parsing.
    local row = text and (tenure == NULL and text or parseRow(text))
    if not row or redis.call('ZSCORE', MARKED, id) then
      verdicts[index] = 'missing'
    elseif tenure ~= NULL and row[TENURE] ~= tenure then
      verdicts[index] = 'lost'
    else
      verdicts[index] = 'written'
      if not isBehind((placesOf(reached[index])), args[1], args[2]) then
        order[#order + 1] = id
        order[#order + 1] = withAuth(reached[index], place)
        local set, gone = {}, {}
        for entry = at, at + entries * 2 - 1, 2 do
          if args[entry + 1] == '' then
            gone[#gone + 1] = args[entry]
          else
            set[#set + 1] = args[entry]
            set[#set + 1] = args[entry + 1]
          end
        end
        for from = 1, #set, 1000 do redis.call('HSET', KEYS[OWN + index], unpack(set, from, math.min(from + 999, #set))) end
        for from = 1, #gone, 1000 do redis.call('HDEL', KEYS[OWN + index], unpack(gone, from, math.min(from + 999, #gone))) end
      end
    end
    at = at + entries * 2
  end
  for from = 1, #order, 1000 do redis.call('HSET', ORDER, unpack(order, from, math.min(from + 999, #order))) end
  return verdicts`,
);

/** Keys: the credentials of a session, and what is marked for deletion. Arguments: session id, then names. */
export const readAuthScript = script(`
  local values = {}
  if redis.call('ZSCORE', KEYS[2], args[1]) then return values end
  for from = 2, #args, 1000 do
    local found = redis.call('HMGET', KEYS[1], unpack(args, from, math.min(from + 999, #args)))
    for index = 1, #found do values[from + index - 2] = found[index] end
  end
  return values`);

/** Part that quarantines credentials: `<number>:<name>` beside `#<number>`, which says why and when. */
const PUT_ASIDE = `
local function putAside(auth, aside, reason)
  local records = redis.call('HGETALL', auth)
  if #records == 0 then return end
  local number = redis.call('HINCRBY', aside, '#', 1)
  redis.call('HSET', aside, '#' .. number, cjson.encode({ reason, now }))
  for index = 1, #records, 2 do redis.call('HSET', aside, number .. ':' .. records[index], records[index + 1]) end
  redis.call('UNLINK', auth)
end
`;

/**
 * Keys: the order of writes, the credentials of a session, those quarantined. Arguments: writer, its number of this
 * call, session id, reason.
 */
export const quarantineScript = scriptOnce(
  PUT_ASIDE,
  CALL_ORDER,
  ALONE_IN_ORDER,
  'putAside(KEYS[2], KEYS[3], args[4])',
);

/** Keys as before. Arguments: writer, its number of this call, session id. Returns how many records there were. */
export const purgeAuthScript = scriptOnce(
  CALL_ORDER,
  ALONE_IN_ORDER,
  `
  local count = redis.call('HLEN', KEYS[2])
  for _, name in ipairs(redis.call('HKEYS', KEYS[3])) do
    if string.sub(name, 1, 1) ~= '#' then count = count + 1 end
  end
  redis.call('UNLINK', KEYS[2], KEYS[3])
  return count`,
);
