import type { StoreKeys } from '../driver/keys.js';
import { sessionKeys } from './script-parts.js';

/** The keys that every script on conversations declares. */
export function conversationKeys(keys: StoreKeys): string[] {
  return [...sessionKeys(keys), keys.conversation, keys.open, keys.pending, keys.sending];
}

/** Conversations: JSON lists by id. The sorted sets follow from them and change with them. */
export const CONVERSATIONS = `
local CONVERSATION, OPEN, PENDING, SENDING = unpack(KEYS, OWN + 1, OWN + 4)
local STATE, SESSION_ID, SEQUENCE, MESSAGE_AT, HEARD_AT, FROM, WARNED_AT, CLOSING, ADOPTED, CHAT, OUT_ID, OUT_KIND, OUT_TEXT,
  DELIVERY, SENDER, WARNING_ID, FAREWELL_ID = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17

local function conversation(id)
  local text = redis.call('HGET', CONVERSATION, id)
  return text and cjson.decode(text), text
end

local function within(set, id, isIn, score)
  if isIn then redis.call('ZADD', set, score, id) else redis.call('ZREM', set, id) end
end

local function saveConversation(id, it)
  local text = cjson.encode(it)
  redis.call('HSET', CONVERSATION, id, text)
  within(OPEN, id, it[STATE] == 'OPEN' or it[STATE] == 'WARNED', string.format('%.0f', it[HEARD_AT]))
  within(PENDING, id, it[DELIVERY] == 'pending', 0)
  within(SENDING, id, it[DELIVERY] == 'sending', 0)
  return text
end

local function withdraw(it)
  if it[DELIVERY] == 'pending' then it[OUT_ID], it[OUT_KIND], it[OUT_TEXT], it[DELIVERY] = NULL, NULL, NULL, NULL end
end

local function ownerOf(it)
  local row = parseRow(redis.call('HGET', SESSION, it[SESSION_ID]))
  return row and row[OWNER]
end

local function endSending(id, it, delivery)
  if it[OUT_KIND] == 'farewell' and it[STATE] == 'CLOSING' then it[STATE] = 'CLOSED' end
  if it[OUT_KIND] == 'warning' and it[STATE] == 'WARNED' then it[WARNED_AT] = now end
  it[DELIVERY], it[SENDER] = delivery, NULL
  return saveConversation(id, it)
end
`;

/**
 * Whether the session of a conversation can receive. While a server that changed is held no gate is open: a message
 * that was recorded may be among what it lost.
 */
export const GATE = `
local serverHeld = now < heldUntil()

local function gateOpen(it, unchangedFor)
  if serverHeld then return false end
  local row = parseRow(redis.call('HGET', SESSION, it[SESSION_ID]))
  if not row or row[OWNER] == NULL or row[STATUS] ~= 'CONNECTED' or row[HEALTH] ~= 'healthy' then return false end
  if row[EVIDENCE] ~= 'observed' or now - row[SETTLED_AT] < unchangedFor then return false end
  local beat = heartbeat(row[OWNER])
  return beat and not beat[FENCED] and not beat[OUTAGE] and not beat[STUCK] and now - beat[BEAT_AT] <= beat[TTL]
end
`;
