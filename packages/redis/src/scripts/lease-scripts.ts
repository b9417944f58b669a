import { script, scriptOnce } from '../driver/run-script.js';
import { CONVERSATIONS } from './conversation-parts.js';
import { REQUESTS } from './inbox-parts.js';
import { LEASES, ROWS, SERVER_IDENTITY } from './script-parts.js';

/**
 * The answer of a join and a beat: `[alive, store time, number, joined, after known, heartbeats, fenced left, held
 * until, outgoing, inbox]`. Of the living only those of our own name are listed, so that it is as short at any number of replicas.
 */
const ANSWER_BEAT = `
local function nextNumber() return redis.call('HINCRBY', META, 'beat', 1) end

local function answerBeat(owner, own, after, lastKnown)
  local outgoing, others, fencedLeft = 0, {}, 0
  -- There are few, and none most of the time.
  for _, id in ipairs(redis.call('ZRANGEBYLEX', PENDING, '-', '+', 'LIMIT', 0, 1000)) do
    if ownerOf(conversation(id)) == owner then outgoing = 1; break end
  end
  local beats = redis.call('HGETALL', REPLICA)
  for index = 1, #beats, 2 do
    local beat = cjson.decode(beats[index + 1])
    if beat[FENCED] then fencedLeft = 1 end
    if beats[index] ~= owner and (beat[REPLICA_ID] == own[REPLICA_ID] or (after and beat[NUMBER] < after)) then
      others[#others + 1] = beats[index]
      others[#others + 1] = beats[index + 1]
    end
  end
  return { 1, string.format('%.0f', now), own[NUMBER], own[JOINED],
    lastKnown and 1 or 0, others, fencedLeft,
    string.format('%.0f', heldUntil()), outgoing, #waitingFor(owner, 1) }
end
`;

const BEAT_PARTS = [ROWS, LEASES, SERVER_IDENTITY, CONVERSATIONS, REQUESTS, ANSWER_BEAT] as const;

/** Arguments: incarnation, replica id, ttl. */
export const joinScript = scriptOnce(
  ...BEAT_PARTS,
  `
  local own = heartbeat(args[1])
  if own and own[FENCED] then return { 0 } end
  local number = nextNumber()
  -- The caller trusts its lease from the start of this call: a repeated join has to renew what the lost one began.
  if own then
    own[NUMBER], own[BEAT_AT] = number, now
  else
    own = { args[2], number, number, now, tonumber(args[3]), false, false, false }
  end
  saveHeartbeat(args[1], own)
  return answerBeat(args[1], own, nil, true)`,
);

/** Arguments: incarnation, replica id, ttl, `1` in a mass outage, `1` where stuck, `after` and `last` or nothing. */
export const beatScript = scriptOnce(
  ...BEAT_PARTS,
  `
  local own = heartbeat(args[1])
  if own and own[FENCED] then return { 0 } end
  if not own and not ownsSome(args[1]) then return { 0 } end
  local number, before = nextNumber(), own and own[NUMBER]
  own = { args[2], number, own and own[JOINED] or number, now, tonumber(args[3]), false, args[4] == '1', args[5] == '1' }
  saveHeartbeat(args[1], own)
  local last = tonumber(args[7])
  return answerBeat(args[1], own, tonumber(args[6]), not last or (before and before >= last))`,
);

/** Arguments: incarnation, the number that was seen. Returns 1 where the lease is fenced now. */
export const fenceScript = script(
  ROWS,
  LEASES,
  `
  local beat = heartbeat(args[1])
  if not beat then return 0 end
  if beat[FENCED] then return 1 end
  if beat[NUMBER] ~= tonumber(args[2]) then return 0 end
  beat[FENCED] = true
  saveHeartbeat(args[1], beat)
  return 1`,
);

/** Part that finds each owner of sessions by jumping from one to the next, so that the cost is the number of replicas. */
const EACH_OWNER = `
local function ownerAfter(from)
  local first = redis.call('ZRANGEBYLEX', OWNED, from, '+', 'LIMIT', 0, 1)[1]
  if not first then return nil end
  local length = string.match(first, '^%d+')
  local owner = string.sub(first, #length + 2, #length + 1 + tonumber(length))
  return owner, '(' .. rangeOf(owner) .. '\\255'
end
`;

/** Argument: ttl. Returns how many were added. */
export const addUnknownScript = scriptOnce(
  ROWS,
  LEASES,
  EACH_OWNER,
  `
  local added = 0
  local owner, from = ownerAfter('-')
  while owner do
    if not heartbeat(owner) then
      local number = redis.call('HINCRBY', META, 'beat', 1)
      saveHeartbeat(owner, { 'unknown', number, number, now, tonumber(args[1]), false, false, true })
      added = added + 1
    end
    owner, from = ownerAfter(from)
  end
  return added`,
);

/** Argument: limit. Returns the ids that were freed. */
export const freeFencedScript = scriptOnce(
  ROWS,
  LEASES,
  EACH_OWNER,
  `
  local limit, freed = tonumber(args[1]), {}
  local owner, from = ownerAfter('-')
  while owner and #freed < limit do
    local range, beat = rangeOf(owner), heartbeat(owner)
    if beat and beat[FENCED] then
      local members = redis.call('ZRANGEBYLEX', OWNED, '(' .. range, from, 'LIMIT', 0, limit - #freed)
      for _, member in ipairs(members) do
        local id = string.sub(member, #range + 1)
        local text = redis.call('HGET', SESSION, id)
        local row = parseRow(text)
        if row and row[OWNER] == owner then
          endRow(id, row, 'owner_lost', NULL, 'expired', beat[BEAT_AT])
          saveRow(id, row)
          keepClaimable(id, row)
          freed[#freed + 1] = id
        else
          redis.call('ZREM', OWNED, member)
        end
      end
    end
    owner, from = ownerAfter(from)
  end
  local beats = redis.call('HGETALL', REPLICA)
  for index = 1, #beats, 2 do
    if cjson.decode(beats[index + 1])[FENCED] and not ownsSome(beats[index]) then
      redis.call('HDEL', REPLICA, beats[index])
    end
  end
  return freed`,
);

/** Argument: incarnation. */
export const leaveScript = script(
  ROWS,
  LEASES,
  `
  if not ownsSome(args[1]) then return redis.call('HDEL', REPLICA, args[1]) end
  local own = heartbeat(args[1])
  if not own then return end
  own[FENCED] = true
  saveHeartbeat(args[1], own)`,
);
