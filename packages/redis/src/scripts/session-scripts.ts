import { script, scriptOnce } from '../driver/run-script.js';
import { ANSWER_ROWS, ROWS } from './script-parts.js';

/**
 * Arguments: JSON `[[id, id hash, desired, phone, status, seen at], …]`; two keys of its own for each: its credentials,
 * and the quarantined ones. Returns the ids that were new. What a row that was deleted by hand left behind goes: a new
 * session never logs in with it.
 */
export const createScript = scriptOnce(
  ROWS,
  `
  local created = {}
  for index, new in ipairs(cjson.decode(args[1])) do
    local id = new[1]
    if redis.call('HEXISTS', SESSION, id) == 0 then
      local seenAt = new[6] ~= NULL and math.min(new[6], now) or NULL
      local row = { new[5], 'healthy', 'unobserved', new[3], NULL, NULL, new[2], 1, NULL, true, NULL, now, seenAt,
        now, now, 0, new[4], NULL, NULL }
      saveRow(id, row)
      -- After the first write, which a server out of memory refuses: a script that has begun may write on.
      redis.call('UNLINK', KEYS[OWN + index * 2 - 1], KEYS[OWN + index * 2])
      redis.call('ZADD', IDS, 0, id)
      keepClaimable(id, row)
      if new[5] ~= 'DISCONNECTED' and new[5] ~= 'LOGGED_OUT' then redis.call('ZADD', UNHELD, storeTime, id) end
      created[#created + 1] = id
    end
  end
  return created`,
);

/** Arguments: ids. */
export const getScript = script(
  ROWS,
  ANSWER_ROWS,
  `
  local rows = {}
  for index, text in ipairs(rowTexts(args)) do
    if text then rows[#rows + 1] = args[index]; rows[#rows + 1] = text end
  end
  return answerRows(rows)`,
);

/**
 * Arguments: limit, `after` or nothing as `[after]`, owner or nothing as `[owner]` (JSON both). After the rows come
 * the last id and how many there were.
 */
export const listScript = script(
  ROWS,
  ANSWER_ROWS,
  `
  local after, owner = cjson.decode(args[2])[1], cjson.decode(args[3])[1]
  local ids
  if owner then
    local range = rangeOf(owner)
    ids = redis.call('ZRANGEBYLEX', OWNED, '(' .. range .. (after or ''), '(' .. range .. '\\255', 'LIMIT', 0, args[1])
    for index, member in ipairs(ids) do ids[index] = string.sub(member, #range + 1) end
  else
    ids = redis.call('ZRANGEBYLEX', IDS, after and '(' .. after or '-', '+', 'LIMIT', 0, args[1])
  end
  local rows = {}
  for index, text in ipairs(rowTexts(ids)) do
    if text then rows[#rows + 1] = ids[index]; rows[#rows + 1] = text end
  end
  rows[#rows + 1] = ids[#ids] or ''
  rows[#rows + 1] = tostring(#ids)
  return answerRows(rows)`,
);

/**
 * One slice of an owner's rows. Arguments: owner, JSON `[status, health, reason code]`, where the slice before ended
 * (empty at first), rows of a slice, JSON list of the ids that are wanted in any case. Returns
 * `[end ('' when through), count, sum of hashes, exceptions and heartbeats]`.
 *
 * It reads the rows themselves and no index of what is odd in them, so it sees whatever changed them. A row that is
 * right costs one comparison of bytes.
 */
export const sweepScript = script(
  ROWS,
  ANSWER_ROWS,
  `
  local owner, expected = args[1], cjson.decode(args[2])
  local range = rangeOf(owner)
  local members = redis.call('ZRANGEBYLEX', OWNED, '(' .. range .. args[3], '(' .. range .. '\\255', 'LIMIT', 0, args[4])
  local ids = {}
  for index, member in ipairs(members) do ids[index] = string.sub(member, #range + 1) end
  local wanted, asked = {}, cjson.decode(args[5])
  for _, id in ipairs(asked) do wanted[id] = true end
  local right = cjson.encode({ expected[1], expected[2], 'observed', 'running', expected[3], owner })
  right = string.sub(right, 1, -2) .. ','
  local count, sum, rows = 0, 0, {}
  for index, text in ipairs(rowTexts(ids)) do
    if text then
      local isRight = string.find(text, right, 1, true) == 1
      local hash = isRight and tonumber(string.match(text, '^%d+', #right + 1))
      if not isRight then
        local row = parseRow(text)
        hash = row and row[OWNER] == owner and row[HASH]
        -- The same in other bytes: another encoder wrote it.
        isRight = hash and row[STATUS] == expected[1] and row[HEALTH] == expected[2] and row[EVIDENCE] == 'observed'
          and row[DESIRED] == 'running' and row[REASON] == expected[3]
      end
      if hash then
        count, sum = count + 1, sum + hash
        if not isRight or wanted[ids[index]] then rows[#rows + 1] = ids[index]; rows[#rows + 1] = text end
      end
    end
  end
  local last = #ids == tonumber(args[4]) and ids[#ids] or ''
  return { last, count, string.format('%.0f', sum), answerRows(rows) }`,
);

/**
 * Guarded writes. Arguments: owner, JSON `[[id, tenure, version,
 * write id, null or [status, health, reason code, detail, attempt, phone, qr, seen ago]], …]`. Returns the row's text
 * for each that is applied, else an empty text.
 */
export const writeScript = script(
  ROWS,
  ANSWER_ROWS,
  `
  local owner, writes = args[1], cjson.decode(args[2])
  local ids, texts, outcomes, changed = {}, {}, {}, {}
  for index, write in ipairs(writes) do ids[index] = write[1] end
  for index, text in ipairs(rowTexts(ids)) do texts[ids[index]] = text end
  for index, write in ipairs(writes) do
    local id, text = write[1], texts[write[1]]
    local row = parseRow(text)
    outcomes[index] = ''
    if row and row[OWNER] == owner and row[TENURE] == write[2] then
      if row[WRITE_ID] == write[4] then
        -- Our own commit, whose answer was lost on its way.
        outcomes[index] = text
      elseif row[VERSION] == write[3] then
        local set, before, health = write[5], row[STATUS], row[HEALTH]
        row[VERSION], row[WRITE_ID] = row[VERSION] + 1, write[4]
        if set ~= NULL then
          row[STATUS], row[HEALTH], row[REASON], row[DETAIL], row[ATTEMPT], row[PHONE] =
            set[1], set[2], set[3], set[4], set[5], set[6]
          row[EVIDENCE] = 'observed'
          row[QR] = set[1] == 'QR_CODE' and set[7] or NULL
          if set[1] ~= before then row[CHANGED_AT] = now end
          if set[1] ~= before or set[2] ~= health then row[SETTLED_AT] = now end
          if set[8] ~= NULL then row[SEEN_AT] = math.floor(now - set[8] + 0.5) end
        end
        text = textOf(id, row)
        texts[id], outcomes[index] = text, text
        changed[#changed + 1] = id
        changed[#changed + 1] = text
      end
    end
  end
  for from = 1, #changed, 1000 do
    redis.call('HSET', SESSION, unpack(changed, from, math.min(from + 999, #changed)))
  end
  return answerRows(outcomes)`,
);

/**
 * Arguments: grace, limit. Returns how many rows were read, and id and what it said until now of each that is closed.
 */
export const closeUnheldScript = scriptOnce(
  ROWS,
  `
  local ended = {}
  local top = '(' .. string.format('%.0f', now - tonumber(args[1]))
  local ids = redis.call('ZRANGEBYSCORE', UNHELD, '-inf', top, 'LIMIT', 0, args[2])
  for _, id in ipairs(ids) do
    local row = parseRow(redis.call('HGET', SESSION, id))
    redis.call('ZREM', UNHELD, id)
    if row and row[OWNER] == NULL and row[EVIDENCE] == 'unobserved' and row[STATUS] ~= 'LOGGED_OUT'
      and row[STATUS] ~= 'DISCONNECTED' then
      ended[#ended + 1] = id
      ended[#ended + 1] = row[STATUS]
      endRow(id, row, 'not_held', NULL, 'unobserved', row[SEEN_AT])
      saveRow(id, row)
      keepClaimable(id, row)
    end
  end
  return { #ids, ended }`,
);
