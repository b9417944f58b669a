import { createHash, randomUUID } from 'node:crypto';
import { WaSyncError } from '@wa-sync/core';
import { markUnderWay } from '@wa-sync/core/adapter';
import type { RedisLike } from './redis-like.js';
import { serverWord, translateError } from './translate-error.js';

/** One Lua script and the digest it is called by. */
export interface Script {
  readonly text: string;
  readonly sha: string;
  /** Needs a key of its own for each call, in which the answer is kept. */
  readonly once: boolean;
}

/** Limit of one call, in milliseconds. */
export interface TimeLimits {
  commandMs: number;
}

/** One call of a script. */
export interface ScriptCall {
  readonly keys: readonly string[];
  readonly args?: readonly (string | Buffer)[] | undefined;
  /** Returns bulk strings as `Buffer`. */
  readonly binary?: boolean | undefined;
}

/** Runs scripts on the caller's client. */
export interface ScriptRunner {
  /** What a call is cut to; changed when a replica joins with a short lease. */
  readonly limits: TimeLimits;
  /** Runs a script and returns what its body returned, and when. Every failure is a `WaSyncError`. */
  run(script: Script, call: ScriptCall): Promise<ScriptAnswer>;
}

/** What a script's body returned (`null` for nothing), and the server's time at which it ran. */
export interface ScriptAnswer {
  readonly answer: unknown;
  readonly nowMs: number;
}

/** Calls that were given up and may still be kept by the client; more of them would be a leak. */
const MOST_ABANDONED = 100;
const FORGOTTEN_AFTER_MS = 60_000;
const MOST_KEPT_MS = 180_000;

/**
 * Makes a script of the body of a function. The body sees `now`, the server's time in whole milliseconds, and `args`,
 * its arguments. The first argument of all is the last instant at which it may begin: clients keep commands while they
 * are not connected and send them later, and what the caller received as too late must not be done after all.
 */
export function script(...parts: readonly string[]): Script {
  return scriptOf(parts, "return { storeTime, 'done', main() }", false);
}

/**
 * Makes a script that is carried out once a call, however often a client sends it: clients send again what was under
 * way when a connection broke. The answer is kept, under the last key, for as long as the call may still arrive. Used
 * where a repeated call cannot be recognised by a token of the caller.
 */
export function scriptOnce(...parts: readonly string[]): Script {
  return scriptOf(
    parts,
    `
local before = redis.call('GET', KEYS[#KEYS])
if before then return { storeTime, 'done', cjson.decode(before)[1] } end
local answer = main()
local left = math.min(tonumber(ARGV[1]) - now, ${MOST_KEPT_MS}) + 1000
redis.call('SET', KEYS[#KEYS], cjson.encode({ answer }), 'PX', string.format('%.0f', left))
return { storeTime, 'done', answer }`,
    true,
  );
}

function scriptOf(parts: readonly string[], ending: string, once: boolean): Script {
  const body = parts.join('\n');
  const text = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local storeTime = string.format('%.0f', now)
if now > tonumber(ARGV[1]) then return { storeTime, 'late' } end
local args = {}
for index = 2, #ARGV do args[index - 1] = ARGV[index] end
local function main()
${body}
end
${ending}
`;
  return { text, sha: createHash('sha1').update(text).digest('hex'), once };
}

/**
 * Runs scripts one call at a time. Owns what is known of the server's clock, the count of calls that were given up and
 * never answered, and the last error that the client emitted; nothing else lives here.
 */
export function createScriptRunner(options: {
  redis: RedisLike;
  /** Read for each call, so that runners can share what a join cuts them to. */
  limits: TimeLimits;
  lastError: () => unknown;
  /** Name of the key in which the answer of a call is kept. */
  answerKey: (callId: string) => string;
}): ScriptRunner {
  const { redis, limits, lastError, answerKey } = options;
  // Server time minus monotonic time, never too large: an answer was on its way for some time.
  let serverAheadMs: number | null = null;
  let abandoned = 0;

  async function evaluate({ text, sha }: Script, { keys, args = [], binary = false }: ScriptCall, latestMs: number) {
    const [key = ''] = keys;
    const rest = [String(keys.length), ...keys, latestMs.toFixed(0), ...args];
    try {
      return await redis.send({ args: ['EVALSHA', sha, ...rest], key, binary });
    } catch (error) {
      if (serverWord(error) !== 'NOSCRIPT') throw error;
      return await redis.send({ args: ['EVAL', text, ...rest], key, binary });
    }
  }

  function silence(limitMs: number): WaSyncError {
    const at = redis.target === null ? '' : ` at ${redis.target}`;
    if (redis.isReady()) {
      return new WaSyncError('store_timeout', `Redis${at} did not answer within ${limitMs} ms`, { retryable: true });
    }
    const error = lastError();
    if (error !== null) {
      const known = translateError(error, redis.target);
      if (known.code === 'store_unreachable') return known;
    }
    return new WaSyncError('store_unreachable', `Redis${at} cannot be reached: no connection within ${limitMs} ms`, {
      retryable: true,
    });
  }

  /** Settles once the call has ended or is forgotten. */
  function noteAbandoned(running: Promise<unknown>): Promise<void> {
    abandoned += 1;
    return new Promise<void>((forget) => {
      running.then(
        () => forget(),
        () => forget(),
      );
      // ioredis never settles what was under way when a connection broke, where it is set not to send it again.
      setTimeout(forget, FORGOTTEN_AFTER_MS).unref();
    }).finally(() => {
      abandoned -= 1;
    });
  }

  function within(limitMs: number, running: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(markUnderWay(silence(limitMs), noteAbandoned(running)));
      }, limitMs);
      running.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  async function attempt(wanted: Script, call: ScriptCall, untilMs: number, limitMs: number): Promise<unknown[]> {
    const latestMs = serverAheadMs === null ? Number.MAX_SAFE_INTEGER : serverAheadMs + untilMs;
    const answer = await within(limitMs, evaluate(wanted, call, latestMs));
    if (!Array.isArray(answer)) throw new WaSyncError('store_failed', 'Redis gave no answer');
    serverAheadMs = Number(String(answer[0])) - performance.now();
    return answer;
  }

  async function run(wanted: Script, call: ScriptCall): Promise<ScriptAnswer> {
    const limitMs = limits.commandMs;
    if (abandoned >= MOST_ABANDONED) throw silence(limitMs);
    const untilMs = performance.now() + limitMs;
    const own = wanted.once ? { ...call, keys: [...call.keys, answerKey(randomUUID())] } : call;
    try {
      let answer = await attempt(wanted, own, untilMs, limitMs);
      const leftMs = untilMs - performance.now();
      // Nothing was done. The server's clock has moved on (another server, a step of its clock): its time is known
      // now.
      if (isLate(answer) && leftMs > 0) answer = await attempt(wanted, own, untilMs, leftMs);
      if (isLate(answer)) {
        throw new WaSyncError('store_timeout', `Redis did not begin within ${limitMs} ms`, { retryable: true });
      }
      return { answer: answer[2] ?? null, nowMs: Number(String(answer[0])) };
    } catch (error) {
      throw translateError(error, redis.target);
    }
  }

  return { limits, run };
}

function isLate([, word]: readonly unknown[]): boolean {
  return String(word) === 'late';
}

/** Calls of scripts once the server was checked. */
export interface StoreCalls {
  run(script: Script, call: ScriptCall): Promise<unknown>;
  /** The same, for a body that returns a list. */
  list(script: Script, call: ScriptCall): Promise<unknown[]>;
  /** The same, with the server's time at which the script ran. */
  timed(script: Script, call: ScriptCall): Promise<ScriptAnswer>;
}

/** Calls that wait for `ready`, which checks the server before the first of them. */
export function storeCalls(params: { runner: ScriptRunner; ready: () => Promise<void> }): StoreCalls {
  const { runner, ready } = params;

  async function timed(script: Script, call: ScriptCall): Promise<ScriptAnswer> {
    await ready();
    return runner.run(script, call);
  }

  return {
    timed,
    run: async (script, call) => (await timed(script, call)).answer,
    async list(script, call) {
      const { answer } = await timed(script, call);
      if (!Array.isArray(answer)) throw new WaSyncError('store_failed', 'Redis answered no list where one was due');
      return answer;
    },
  };
}
