import { script, scriptOnce } from './run-script.js';
import { ROWS } from './script-parts.js';

/**
 * Part of every script that changes credentials. Calls of one process are numbered: one that was given up when a connection broke may arrive after a newer one,
 * and a fence by tenure does not tell them apart. Sent twice, a call is itself again.
 */
const IN_ORDER = `
local function isLate(id, writer, number)
  local last, reached = string.match(redis.call('HGET', ORDER, id) or '', '^(%S+) (%d+)$')
  if last == writer and tonumber(reached) > tonumber(number) then return true end
  redis.call('HSET', ORDER, id, writer .. ' ' .. number)
  return false
end
`;

/**
 * Writes of many sessions, for each all or none. Arguments: writer, its number of this call, JSON `[[session id, tenure or null, number of entries], …]`, then
 * name and value of every entry in that order, an empty value for a deletion; keys of its own: the credentials of each
 * session. Answers `written`, `lost` or `missing` for each; nobody waits for the answer to one that is late.
 */
export const writeAuthScript = script(
  ROWS,
  IN_ORDER,
  `
  local verdicts, at = {}, 4
  for index, session in ipairs(cjson.decode(args[3])) do
    local text = redis.call('HGET', SESSION, session[1])
    local row = parseRow(text)
    if not row then
      verdicts[index] = 'missing'
    elseif session[2] ~= NULL and row[TENURE] ~= session[2] then
      verdicts[index] = 'lost'
    elseif isLate(session[1], args[1], args[2]) then
      verdicts[index] = 'written'
    else
      verdicts[index] = 'written'
      for entry = at, at + session[3] * 2 - 1, 2 do
        if args[entry + 1] == '' then
          redis.call('HDEL', KEYS[OWN + index], args[entry])
        else
          redis.call('HSET', KEYS[OWN + index], args[entry], args[entry + 1])
        end
      end
    end
    at = at + session[3] * 2
  end
  return verdicts`,
);

/** Key: the credentials of a session. Arguments: names. */
export const readAuthScript = script(`
  local values = {}
  for from = 1, #args, 1000 do
    local found = redis.call('HMGET', KEYS[1], unpack(args, from, math.min(from + 999, #args)))
    for index = 1, #found do values[from + index - 1] = found[index] end
  end
  return values`);

/** Part of every script that puts credentials aside: `<number>:<name>` beside `#<number>`, which says why and when. */
export const PUT_ASIDE = `
local function putAside(auth, aside, reason)
  local records = redis.call('HGETALL', auth)
  if #records == 0 then return end
  local number = redis.call('HINCRBY', aside, '#', 1)
  redis.call('HSET', aside, '#' .. number, cjson.encode({ reason, now }))
  for index = 1, #records, 2 do redis.call('HSET', aside, number .. ':' .. records[index], records[index + 1]) end
  redis.call('UNLINK', auth)
end
`;

/** Keys: the order of writes, the credentials of a session, those put aside. Arguments: writer, its number of this call, session id, reason. */
export const quarantineScript = scriptOnce(
  'local ORDER = KEYS[1]',
  PUT_ASIDE,
  IN_ORDER,
  'if not isLate(args[3], args[1], args[2]) then putAside(KEYS[2], KEYS[3], args[4]) end',
);

/** Keys as before. Arguments: writer, its number of this call, session id. Answers how many records there were. */
export const purgeAuthScript = scriptOnce(
  'local ORDER = KEYS[1]',
  IN_ORDER,
  `
  if isLate(args[3], args[1], args[2]) then return 0 end
  local count = redis.call('HLEN', KEYS[2])
  for _, name in ipairs(redis.call('HKEYS', KEYS[3])) do
    if string.sub(name, 1, 1) ~= '#' then count = count + 1 end
  end
  redis.call('UNLINK', KEYS[2], KEYS[3])
  return count`,
);
