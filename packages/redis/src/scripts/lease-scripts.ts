import { script, scriptOnce } from '../driver/run-script.js';
import { CONVERSATIONS } from './conversation-parts.js';
import { REQUESTS } from './inbox-parts.js';
import { LEASES, ROWS, SERVER_IDENTITY } from './script-parts.js';

/** The answer of a join and a beat: `[alive, store time, heartbeats, claimable, held until, outgoing, inbox]`. */
const ANSWER_BEAT = `
local function answerBeat(owner)
  local outgoing = 0
  -- There are few, and none most of the time.
  for _, id in ipairs(redis.call('ZRANGEBYLEX', PENDING, '-', '+', 'LIMIT', 0, 1000)) do
    if ownerOf(conversation(id)) == owner then outgoing = 1; break end
  end
  return { 1, string.format('%.0f', now), redis.call('HGETALL', REPLICA), redis.call('ZCARD', CLAIMABLE) > 0 and 1 or 0,
    string.format('%.0f', heldUntil()), outgoing,
    #waitingFor(owner, 1) }
end
`;

/** Arguments: incarnation, replica id, ttl. */
export const joinScript = scriptOnce(
  ROWS,
  LEASES,
  SERVER_IDENTITY,
  CONVERSATIONS,
  REQUESTS,
  ANSWER_BEAT,
  `
  local beat = heartbeat(args[1])
  if beat and beat[FENCED] then return { 0 } end
  -- The caller trusts its lease from the start of this call: a repeated join has to renew what the lost one began.
  if beat then
    beat[BEATS], beat[BEAT_AT] = beat[BEATS] + 1, now
  else
    beat = { args[2], 0, now, tonumber(args[3]), false, false }
  end
  saveHeartbeat(args[1], beat)
  return answerBeat(args[1])`,
);

/** Arguments: incarnation, `1` in a mass outage. */
export const beatScript = scriptOnce(
  ROWS,
  LEASES,
  SERVER_IDENTITY,
  CONVERSATIONS,
  REQUESTS,
  ANSWER_BEAT,
  `
  local beat = heartbeat(args[1])
  if not beat or beat[FENCED] then return { 0 } end
  beat[BEATS], beat[BEAT_AT], beat[OUTAGE] = beat[BEATS] + 1, now, args[2] == '1'
  saveHeartbeat(args[1], beat)
  return answerBeat(args[1])`,
);

/** Arguments: incarnation, beats that were seen. Returns 1 where the lease is fenced now. */
export const fenceScript = script(
  ROWS,
  LEASES,
  `
  local beat = heartbeat(args[1])
  if not beat then return 0 end
  if beat[FENCED] then return 1 end
  if beat[BEATS] ~= tonumber(args[2]) then return 0 end
  beat[FENCED] = true
  saveHeartbeat(args[1], beat)
  return 1`,
);

/**
 * Argument: limit. Returns the ids that were freed. Owners are found by jumping from one to the next in the sorted
 * set, so the cost is the number of replicas and not of sessions.
 */
export const freeFencedScript = scriptOnce(
  ROWS,
  LEASES,
  `
  local limit, freed, from = tonumber(args[1]), {}, '-'
  while #freed < limit do
    local first = redis.call('ZRANGEBYLEX', OWNED, from, '+', 'LIMIT', 0, 1)[1]
    if not first then break end
    local length = string.match(first, '^%d+')
    local owner = string.sub(first, #length + 2, #length + 1 + tonumber(length))
    local range = rangeOf(owner)
    from = '(' .. range .. '\\255'
    local beat = heartbeat(owner)
    if not beat or beat[FENCED] then
      local members = redis.call('ZRANGEBYLEX', OWNED, '(' .. range, from, 'LIMIT', 0, limit - #freed)
      for _, member in ipairs(members) do
        local id = string.sub(member, #range + 1)
        local text = redis.call('HGET', SESSION, id)
        local row = parseRow(text)
        if row and row[OWNER] == owner then
          -- Without a heartbeat nothing is known of the last proof of life: too late an instant keeps the row from
          -- cleanup.
          endRow(id, row, 'owner_lost', NULL, 'expired', beat and beat[BEAT_AT] or now)
          saveRow(id, row)
          keepClaimable(id, row)
          freed[#freed + 1] = id
        else
          redis.call('ZREM', OWNED, member)
        end
      end
    end
  end
  local beats = redis.call('HGETALL', REPLICA)
  for index = 1, #beats, 2 do
    local range = rangeOf(beats[index])
    if cjson.decode(beats[index + 1])[FENCED]
      and redis.call('ZLEXCOUNT', OWNED, '(' .. range, '(' .. range .. '\\255') == 0 then
      redis.call('HDEL', REPLICA, beats[index])
    end
  end
  return freed`,
);

/** Argument: incarnation. */
export const leaveScript = script(ROWS, `redis.call('HDEL', REPLICA, args[1])`);
