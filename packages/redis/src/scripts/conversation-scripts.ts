import { script, scriptOnce } from '../driver/run-script.js';
import { CONVERSATIONS, GATE } from './conversation-parts.js';
import { LEASES, ROWS, SERVER_IDENTITY } from './script-parts.js';

/** A message older than this is history: it shows that there is a conversation, not that somebody is waiting. */
const LIVE_MS = 86_400_000;

/** Argument: JSON `[[conversation id, session id, from, at, chat, message id], …]`. Returns the sequences. */
export const recordScript = scriptOnce(
  ROWS,
  CONVERSATIONS,
  `
  local sequences = {}
  for index, message in ipairs(cjson.decode(args[1])) do
    local id, at, messageId = message[1], math.min(message[4], now), message[6]
    local it = conversation(id)
    local made = not it
    it = it or { 'OPEN', message[2], 0, at, now, NULL, NULL, 0, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL }
    local echo = messageId ~= NULL and (messageId == it[WARNING_ID] or messageId == it[FAREWELL_ID])
    if not echo and not (it[STATE] == 'CLOSED' and at <= it[MESSAGE_AT]) then
      it[STATE], it[SESSION_ID], it[SEQUENCE], it[HEARD_AT], it[WARNED_AT] = 'OPEN', message[2], it[SEQUENCE] + 1, now, NULL
      if message[5] ~= NULL then it[CHAT] = message[5] end
      if made or at >= it[MESSAGE_AT] then it[MESSAGE_AT], it[FROM] = at, message[3] end
      if now - at < ${LIVE_MS} then it[ADOPTED] = false end
      withdraw(it)
      saveConversation(id, it)
    end
    sequences[index] = it[SEQUENCE]
  end
  return sequences`,
);

/** Returns how many conversations are open, warned ones included. */
export const countOpenScript = script(ROWS, CONVERSATIONS, `return redis.call('ZCARD', OPEN)`);

/**
 * One slice of the open conversations, the longest inactive first. Arguments: inactive for, unchanged for, JSON
 * `[heard at, id]` after which to begin or `[]`, limit, rows of a slice. Returns
 * `[[heard at, id] where it ended or '', conversations]`: id, text, inactive for, gate.
 */
export const inactiveScript = script(
  ROWS,
  LEASES,
  SERVER_IDENTITY,
  CONVERSATIONS,
  GATE,
  `
  -- Not Lua's own order, which follows the server's locale.
  local function isAfter(a, b)
    for index = 1, math.min(#a, #b) do
      local difference = string.byte(a, index) - string.byte(b, index)
      if difference ~= 0 then return difference > 0 end
    end
    return #a > #b
  end
  local inactiveFor, unchangedFor, limit, slice = tonumber(args[1]), tonumber(args[2]), tonumber(args[4]), tonumber(args[5])
  local after = cjson.decode(args[3])
  local low, high = '-inf', '(' .. string.format('%.0f', now - inactiveFor)
  local offset, found, readCount, last = 0, {}, 0, ''
  if after[1] then
    low = string.format('%.0f', after[1])
    local rank = redis.call('ZRANK', OPEN, after[2])
    local score = rank and redis.call('ZSCORE', OPEN, after[2])
    if score and tonumber(score) == after[1] then
      offset = rank + 1 - redis.call('ZCOUNT', OPEN, '-inf', '(' .. low)
    end
  end
  local page = redis.call('ZRANGEBYSCORE', OPEN, low, high, 'WITHSCORES', 'LIMIT', offset, slice)
  for index = 1, #page, 2 do
    local id, score = page[index], tonumber(page[index + 1])
    readCount = readCount + 1
    if not after[1] or score > after[1] or isAfter(id, after[2]) then
      last = cjson.encode({ score, id })
      local it, text = conversation(id)
      -- Nobody can hear for a number that is gone: whether anybody wrote since will never be known.
      if it and redis.call('HEXISTS', SESSION, it[SESSION_ID]) == 1 then
        found[#found + 1] = id
        found[#found + 1] = text
        found[#found + 1] = string.format('%.0f', now)
        found[#found + 1] = gateOpen(it, unchangedFor) and '1' or '0'
        if #found == limit * 4 then return { '', found } end
      end
    elseif readCount == slice then
      last = cjson.encode({ score, id })
    end
  end
  return { readCount == slice and last or '', found }`,
);

/** Arguments: unchanged for, JSON `[[id, sequence, to, null or [id, kind, text]], …]`. Returns the ids that moved. */
export const moveScript = scriptOnce(
  ROWS,
  LEASES,
  SERVER_IDENTITY,
  CONVERSATIONS,
  GATE,
  `
  local moved = {}
  for _, move in ipairs(cjson.decode(args[2])) do
    local id, to, out = move[1], move[3], move[4]
    local it = conversation(id)
    local movable = it and it[SEQUENCE] == move[2] and it[DELIVERY] ~= 'sending'
      and (it[STATE] == 'OPEN' or (it[STATE] == 'WARNED' and to ~= 'WARNED'))
    if movable and gateOpen(it, tonumber(args[1])) then
      it[STATE] = to
      if to == 'WARNED' then it[WARNED_AT] = now else it[CLOSING] = it[CLOSING] + 1 end
      withdraw(it)
      if out ~= NULL then
        it[OUT_ID], it[OUT_KIND], it[OUT_TEXT], it[DELIVERY] = out[1], out[2], out[3], 'pending'
        it[out[2] == 'warning' and WARNING_ID or FAREWELL_ID] = out[1]
      end
      saveConversation(id, it)
      moved[#moved + 1] = id
    end
  end
  return moved`,
);

/**
 * One slice of the conversations with a message to be sent. Arguments: owner, JSON list of sessions to leave out,
 * where to begin (empty at first), rows of a slice, limit. Returns `[end, ids and texts]`.
 */
export const outgoingScript = script(
  ROWS,
  CONVERSATIONS,
  `
  local except, found, limit = {}, {}, tonumber(args[5])
  for _, sessionId in ipairs(cjson.decode(args[2])) do except[sessionId] = true end
  local ids = redis.call('ZRANGEBYLEX', PENDING, args[3] ~= '' and '(' .. args[3] or '-', '+', 'LIMIT', 0, args[4])
  for _, id in ipairs(ids) do
    local it, text = conversation(id)
    if it and not except[it[SESSION_ID]] and ownerOf(it) == args[1] then
      found[#found + 1] = id
      found[#found + 1] = text
      if #found == limit * 2 then return { '', found } end
    end
  end
  return { #ids == tonumber(args[4]) and ids[#ids] or '', found }`,
);

/** Arguments: id, sequence, message id, owner, unchanged for. Returns 1 for the one that may send. */
export const beginSendScript = scriptOnce(
  ROWS,
  LEASES,
  SERVER_IDENTITY,
  CONVERSATIONS,
  GATE,
  `
  local it = conversation(args[1])
  if not it or it[SEQUENCE] ~= tonumber(args[2]) or it[OUT_ID] ~= args[3] or it[DELIVERY] ~= 'pending' then return 0 end
  if ownerOf(it) ~= args[4] or not gateOpen(it, tonumber(args[5])) then return 0 end
  it[DELIVERY], it[SENDER] = 'sending', args[4]
  saveConversation(args[1], it)
  return 1`,
);

/** Arguments: id, message id, delivery. Returns the conversation where this end is recorded. */
export const endSendScript = script(
  ROWS,
  CONVERSATIONS,
  `
  local it, text = conversation(args[1])
  if not it or it[OUT_ID] ~= args[2] then return nil end
  if it[DELIVERY] == args[3] then return text end
  if it[DELIVERY] ~= 'sending' then return nil end
  return endSending(args[1], it, args[3])`,
);

/** Argument: limit. Returns ids and conversations whose sender is gone. */
export const endLostScript = scriptOnce(
  ROWS,
  LEASES,
  CONVERSATIONS,
  `
  local ended = {}
  for _, id in ipairs(redis.call('ZRANGEBYLEX', SENDING, '-', '+', 'LIMIT', 0, 1000)) do
    local it = conversation(id)
    if it and isOver(it[SENDER] ~= NULL and it[SENDER] or '') then
      ended[#ended + 1] = id
      ended[#ended + 1] = endSending(id, it, 'unknown')
      if #ended == tonumber(args[1]) * 2 then return ended end
    end
  end
  return ended`,
);

/** Arguments: ids. Returns ids and conversations. */
export const getConversationsScript = script(
  ROWS,
  CONVERSATIONS,
  `
  local found = {}
  for _, id in ipairs(args) do
    local text = redis.call('HGET', CONVERSATION, id)
    if text then found[#found + 1] = id; found[#found + 1] = text end
  end
  return found`,
);
