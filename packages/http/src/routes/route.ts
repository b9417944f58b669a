import type { Clock } from '@wa-sync/core';
import type * as z from 'zod/mini';
import type { Caller } from '../access/authenticate.js';
import type { RateLimit, StreamLimit } from '../access/limit-callers.js';
import type { WorkLimit } from '../access/limit-work.js';
import type { EventFeed } from '../events/event-feed.js';
import type { CallHost, SparseLog } from '../host/call-host.js';
import type { HttpConfig, Role, WaSyncLike } from '../host/options.js';
import type { Answer } from '../reply/make-reply.js';
import type { ProblemCode } from '../reply/problems.js';
import type { Ask } from '../request/ask.js';
import { readBodyInput } from '../request/read-body.js';
import { readInput, readQuery } from '../request/read-input.js';
import type { RequestRuns } from '../runs/request-runs.js';
import type { CheckReadiness } from './check-readiness.js';
import type { LimitedReads } from './limited-reads.js';

/** What all calls share. */
export interface Services {
  /** Without what reads the store: see {@link Call.reads}. */
  readonly wa: Omit<WaSyncLike, 'status' | 'sessions' | 'runs' | 'history'>;
  readonly config: HttpConfig;
  readonly clock: Clock;
  readonly runs: RequestRuns;
  /** Places for runs; a run may take minutes, so readings have places of their own. */
  readonly runWork: WorkLimit;
  readonly chargeRun: RateLimit;
  readonly feed: EventFeed;
  readonly streams: StreamLimit;
  readonly callHost: CallHost;
  readonly checkReadiness: CheckReadiness;
  readonly log: SparseLog;
  /** Aborts when the replica stops: what holds a connection open ends then. */
  readonly stopping: AbortSignal;
}

/** One authenticated request on its way through a route. */
export interface Call {
  readonly services: Services;
  readonly ask: Ask;
  /** Path that the routes stand under, as the caller sees it. */
  readonly basePath: string;
  readonly raw: unknown;
  readonly caller: Caller;
  readonly reads: LimitedReads;
}

/** What may be sent to a route. */
export interface RouteInput {
  /** The `:name`s of the path. */
  readonly segments?: z.ZodMiniObject;
  readonly query?: z.ZodMiniObject;
  readonly body?: z.ZodMiniObject;
}

/** What a host may know of an endpoint. */
export interface Endpoint {
  readonly method: 'GET' | 'POST';
  /** Below the base path; `:name` stands for one segment. */
  readonly path: string;
  /** Lowest role that may call it; `public` asks for no token. */
  readonly role: Role | 'public';
  readonly summary: string;
  readonly description?: string;
  /** There only where the host has given this option. */
  readonly needs?: 'metrics';
}

/** One endpoint: all that the wrappers, the OpenAPI document and the docs need to know of it. */
export interface Route extends Endpoint {
  readonly input: RouteInput;
  /** Schema and meaning of each good answer, by status; `type` where it is not JSON. */
  readonly answers: Readonly<Record<number, { schema: z.ZodMiniType; means: string; type?: string }>>;
  /** Headers that it reads, beside those that every route of its kind reads. */
  readonly requestHeaders?: Readonly<Record<string, string>>;
  /** Problems of its own, beside those that every route of its kind has. */
  readonly problems: readonly ProblemCode[];
  readonly handle: (call: Call, segments: Readonly<Record<string, string>>) => Promise<Answer>;
}

type Read<Schema> = Schema extends z.ZodMiniType ? z.output<Schema> : Record<never, never>;

/** Makes a route whose handler gets its input checked and typed. */
export function defineRoute<const Input extends RouteInput>(
  route: Omit<Route, 'handle' | 'input'> & {
    readonly input: Input;
    handle(
      call: Call & {
        segments: Read<Input['segments']>;
        query: Read<Input['query']>;
        body: Read<Input['body']>;
      },
    ): Promise<Answer>;
  },
): Route {
  const { handle, ...rest } = route;
  const input: RouteInput = route.input;
  return {
    ...rest,
    async handle(call, named) {
      const segments = input.segments ? readInput('path', input.segments, named) : {};
      const query = input.query ? readInput('query', input.query, readQuery(call.ask.query)) : {};
      const body = input.body ? await readBodyInput(call.ask, input.body) : {};
      return handle({ ...call, segments, query, body } as Parameters<typeof handle>[0]);
    },
  };
}
