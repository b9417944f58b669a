import { type Clock, systemClock, type WaSync } from '@wa-sync/core';
import { parseOptions } from '@wa-sync/core/adapter';
import * as z from 'zod/mini';

/** What a caller may do: an `admin` everything, a `viewer` only read. */
export type Role = 'admin' | 'viewer';

/** Who calls, as the host's own `authorize` says. */
export interface Access {
  readonly role: Role;
  /**
   * The only sessions this caller sees and changes; bulk calls are narrowed to them. `'all'` has to be spelled out;
   * `[]` sees none.
   */
  readonly sessionIds: 'all' | readonly string[];
  /**
   * Distinguishes callers for the limits of runs, of calls of the store and of event streams.
   * @defaultValue all callers with the same role and sessions are one
   */
  readonly id?: string | undefined;
}

/** What the host's functions get beside the request. */
export interface HostContext {
  /** What the framework passed on: Express' or node's own request object. */
  readonly raw?: unknown;
}

/**
 * The host's own check: `false` is answered with 401. Any other value than the two is 401 as well and writes a line to
 * the log; where it throws, the request gets 500, and 503 where it has not settled within 10 s. A check that trusts
 * cookies also has to ward off forged requests.
 */
export type Authorize = (request: Request, context: HostContext) => false | Access | Promise<false | Access>;

/** Metrics as a text; `createMetrics` makes one. */
export interface MetricsSource {
  readonly contentType: string;
  text(): Promise<string>;
}

/** What {@link createHttpHandler} takes; an unknown key is an error that names it. */
export interface HttpOptions {
  /**
   * Who may call. `{ tokens }`: each token of 16 characters or more opens everything, sent as `Authorization: Bearer`
   * or `X-Api-Key`; give the old and the new one while you rotate. A function: your own check. `'none'`: everybody.
   */
  auth: { tokens: readonly string[] } | Authorize | 'none';
  /**
   * The session that a request means where it names none by `?sessionId=`.
   * @defaultValue `currentSession` of `createWaSync`
   */
  currentSession?:
    | ((request: Request, context: HostContext) => string | null | undefined | Promise<string | null | undefined>)
    | undefined;
  /** Path that the routes stand under where no framework mounts the handler. @defaultValue `'/whatsapp'` */
  basePath?: string | undefined;
  /** How long a POST is waited for where the caller sends no `Prefer: wait=`, before 202. @defaultValue 25,000 */
  waitMs?: number | undefined;
  /** Runs that one caller may start; joining one that is under way is free. `false` turns it off. */
  rateLimit?:
    | {
        /** @defaultValue 60 */
        perMinute?: number | undefined;
      }
    | false
    | undefined;
  /** Streams of events open at once; one more is answered with 429. */
  eventStreams?:
    | {
        /** Of all callers together. @defaultValue 500 */
        total?: number | undefined;
        /** Of one caller: a token, or what `authorize` returned as one. @defaultValue 100 */
        perCaller?: number | undefined;
      }
    | undefined;
  /** Calls of the store in flight at once for requests; others wait 2 s at most, and are answered with 503 then. */
  storeCalls?:
    | {
        /** Of all callers together; less than the connections of the pool. @defaultValue 8 */
        total?: number | undefined;
        /** Of one caller: a token, or what `authorize` returned as one. @defaultValue 4 */
        perCaller?: number | undefined;
      }
    | undefined;
  /**
   * What `GET /metrics` serves, from `createMetrics` of `@wa-sync/http/metrics`.
   * @defaultValue there is no `GET /metrics`
   */
  metrics?: MetricsSource | undefined;
  /** @defaultValue the system's */
  clock?: Clock | undefined;
}

const AUTH =
  "takes { tokens: ['…'] }, a function " +
  "authorize(request) that returns false or { role: 'admin' | 'viewer', sessionIds: 'all' | ['…'] }, or 'none' spelled out where everybody may call";

const callable = <T>(what: string) => z.custom<T>((value) => typeof value === 'function', `takes ${what}`);

const withMethods = <T>(what: string, methods: readonly string[]) =>
  z.custom<T>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      methods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function'),
    `takes ${what}`,
  );

const TOKEN = 'takes a token of at least 16 printable characters, such as from `openssl rand -hex 32`';
const token = z.string(TOKEN).check(z.minLength(16, TOKEN), z.regex(/^[\x21-\x7e]+$/, TOKEN));
const tokens = z.array(token, 'takes a list of tokens').check(z.minLength(1, 'takes at least one token'));

const PER_MINUTE = 'takes a whole number from 1 to 1,000,000';
const perMinute = z.int(PER_MINUTE).check(z.gte(1, PER_MINUTE), z.lte(1_000_000, PER_MINUTE));
const STREAMS = 'takes a whole number from 1 to 100000';
const streams = z.int(STREAMS).check(z.gte(1, STREAMS), z.lte(100_000, STREAMS));
const CALLS = 'takes a whole number from 1 to 10000';
const calls = z.int(CALLS).check(z.gte(1, CALLS), z.lte(10_000, CALLS));
const PATH = "takes a path such as '/whatsapp'";
const WAIT = 'takes milliseconds, a whole number from 0 to 300000';

const schema = z.strictObject({
  auth: z.union([z.literal('none'), callable<Authorize>('a function'), z.strictObject({ tokens })], AUTH),
  currentSession: z.optional(callable<NonNullable<HttpOptions['currentSession']>>('a function of the request')),
  basePath: z._default(z.string(PATH).check(z.regex(/^\/[^?#\s]*$/, PATH)), '/whatsapp'),
  waitMs: z._default(z.int(WAIT).check(z.gte(0, WAIT), z.lte(300_000, WAIT)), 25_000),
  rateLimit: z.prefault(
    z.union(
      [z.literal(false), z.prefault(z.strictObject({ perMinute: z._default(perMinute, 60) }), {})],
      'takes { perMinute }, or false',
    ),
    {},
  ),
  eventStreams: z.prefault(
    z.strictObject(
      { total: z._default(streams, 500), perCaller: z._default(streams, 100) },
      'takes { total, perCaller }',
    ),
    {},
  ),
  storeCalls: z.prefault(
    z.strictObject({ total: z._default(calls, 8), perCaller: z._default(calls, 4) }, 'takes { total, perCaller }'),
    {},
  ),
  metrics: z.optional(withMethods<MetricsSource>('what createMetrics returns', ['text'])),
  clock: z._default(withMethods<Clock>('a clock', ['now', 'monotonicMs', 'schedule', 'yield']), systemClock),
} satisfies { [Key in keyof HttpOptions]-?: z.core.$ZodType<unknown, HttpOptions[Key]> });

/** The options with every default in place. */
export type HttpConfig = z.infer<typeof schema>;

/**
 * Checks the options once.
 *
 * @throws WaSyncError `config_invalid` that names each wrong key and what it takes
 */
export function parseHttpOptions(options: HttpOptions): HttpConfig {
  const config = parseOptions<HttpConfig>('createHttpHandler', schema, options ?? {});
  return { ...config, basePath: trimSlash(config.basePath) };
}

/** A path prefix without the slash at its end; `'/'` becomes `''`. */
export function trimSlash(path: string): string {
  // By hand: a pattern such as /\/+$/ is tried at each slash of a row anew, which for 16 KB of them takes a tenth of a
  // second.
  let end = path.length;
  while (path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}

/** The part of what `createWaSync` returns that the routes use. */
export type WaSyncLike = Pick<
  WaSync,
  | 'currentSession'
  | 'logger'
  | 'status'
  | 'syncNow'
  | 'forceSync'
  | 'cleanupSessions'
  | 'checkInactiveConversations'
  | 'runs'
  | 'history'
  | 'on'
  | 'stopping'
> & {
  readonly sessions: Pick<WaSync['sessions'], 'get' | 'list' | 'history'>;
};

/** The part of what `createWaSync` returns that the metrics use. */
export type MetricsWaSync = Pick<WaSync, 'on' | 'runs'> & { readonly sessions: Pick<WaSync['sessions'], 'list'> };
