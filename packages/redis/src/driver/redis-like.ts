import { WaSyncError } from '@wa-sync/core';
import { type Subscribe, subscribeIoredis, subscribeNodeRedis } from './subscribe.js';

/** One command as the store sends it. */
export interface RedisCommand {
  readonly args: readonly (string | Buffer)[];
  /** A key of the command, by which a cluster's client knows where to send it. */
  readonly key: string;
  /** Returns bulk strings as `Buffer`. */
  readonly binary: boolean;
}

/** The one call shape that the store needs; made of a client by {@link fromIoredis} and {@link fromNodeRedis}. */
export interface RedisLike {
  /** Sends a command and returns what the server answered; an error of the server or of the connection rejects. */
  send(command: RedisCommand): Promise<unknown>;
  /**
   * Whether a command sent now would leave at once; while it would not, a silence means that the server cannot be
   * reached.
   */
  isReady(): boolean;
  /** `host:port` for the text of errors, `null` where the client does not show it. */
  readonly target: string | null;
  /**
   * Calls back on what the client emits as `error`; returns the way to stop. Without a listener node-redis ends the
   * process.
   */
  onError?(listener: (error: unknown) => void): () => void;
  /**
   * Hears a channel on a connection of its own. Absent where the client cannot be duplicated; then requests between
   * replicas wait for the next tick.
   */
  readonly subscribe?: Subscribe | undefined;
  /**
   * Makes a connection of its own beside the client, whose options it has. Absent where the client cannot be duplicated.
   */
  readonly beside?: (() => OwnConnection) | undefined;
  /** Calls back when the client was ended for good; returns the way to stop. */
  onEnd?(listener: () => void): () => void;
}

/** A connection that the store made and ends. */
export interface OwnConnection {
  readonly redis: RedisLike;
  end(): void;
}

interface Emitter {
  on?(event: 'error' | 'end' | 'ready', listener: (error: unknown) => void): unknown;
  off?(event: 'error' | 'end' | 'ready', listener: (error: unknown) => void): unknown;
  duplicate?(...params: never[]): unknown;
}

/** What is used of an ioredis client or cluster. */
export interface IoredisLike extends Emitter {
  call(command: string, ...args: (string | Buffer)[]): Promise<unknown>;
  callBuffer(command: string, ...args: (string | Buffer)[]): Promise<unknown>;
  connect?(): unknown;
  readonly status?: string | undefined;
  readonly options?: unknown;
}

/** What is used of a node-redis client or cluster. */
export interface NodeRedisLike extends Emitter {
  sendCommand(...params: never[]): Promise<unknown>;
  readonly isReady?: boolean | undefined;
  readonly isOpen?: boolean | undefined;
  readonly options?: unknown;
  /** Only a cluster has it. */
  readonly masters?: unknown;
}

/** Any client that `createRedisStore` takes. */
export type RedisClient = RedisLike | IoredisLike | NodeRedisLike;

/** `$`, the first byte of a bulk string on the wire: how node-redis names the type to be mapped. */
const BULK_STRING = 36;

/** The call shape of an ioredis client, or of its `Cluster`. */
export function fromIoredis(client: IoredisLike): RedisLike {
  const keepsNone = fieldsOf(client.options).enableOfflineQueue === false;
  const ready = waitForReady(client);
  return {
    async send({ args: [name, ...args], binary }) {
      // Set to keep no commands, it refuses those that come before it is connected: at a start, all of them.
      if (keepsNone && client.status !== 'ready') await ready();
      if (!binary) return client.call(String(name), ...args);
      // `callBuffer` loses the name of the command where the client pipelines by itself (`enableAutoPipelining`).
      const own = (client as unknown as Record<string, unknown>)[`${String(name).toLowerCase()}Buffer`];
      return typeof own === 'function' ? own.apply(client, args) : client.callBuffer(String(name), ...args);
    },
    isReady: () => client.status === undefined || client.status === 'ready',
    target: targetOf(client.options),
    onError: (listener) => listen(client, 'error', listener),
    onEnd: (listener) => listen(client, 'end', listener),
    subscribe: subscribeIoredis(client),
    beside: besideIoredis(client),
  };
}

/** The call shape of a connected node-redis client (`createClient`), or of its cluster (`createCluster`). */
function fromNodeRedis(client: NodeRedisLike): RedisLike {
  type Send = (...params: unknown[]) => Promise<unknown>;
  // node-redis types its answers by what is asked; here they are judged where they are read.
  const send = client.sendCommand.bind(client) as unknown as Send;
  const isCluster = client.masters !== undefined;
  const isSentinel = typeof fieldsOf(client).getSentinelNode === 'function';
  return {
    send({ args, key, binary }) {
      if (client.isOpen === false) return Promise.reject(notConnected(client));
      // Said with every command, because a client may have a mapping of its own; `returnBuffers` is what version 4
      // calls it.
      const options = { typeMapping: binary ? { [BULK_STRING]: Buffer } : {}, returnBuffers: binary };
      if (isCluster) return send(key, false, args, options);
      return isSentinel ? send(false, args, options) : send(args, options);
    },
    isReady: () => (isCluster ? client.isOpen !== false : client.isReady !== false),
    target: targetOf(client.options),
    onError: (listener) => listen(client, 'error', listener),
    onEnd: (listener) => listen(client, 'end', listener),
    subscribe: subscribeNodeRedis(client),
    beside: besideNodeRedis(client),
  };
}

/** A cluster's client has a connection to each of its servers, and a copy of it would have as many again. */
function besideIoredis(client: IoredisLike): (() => OwnConnection) | undefined {
  const { duplicate, nodes } = client as { duplicate?: (options: object) => IoredisLike; nodes?: unknown };
  if (typeof duplicate !== 'function' || typeof nodes === 'function') return undefined;
  return () => {
    // Made when it is first used; nothing is kept for a server that is away: a renewal that comes late is none.
    const own = duplicate.call(client, { lazyConnect: true });
    own.on?.('error', () => {});
    return { redis: fromIoredis(own), end: () => void (own as { disconnect?(): unknown }).disconnect?.() };
  };
}

/** Likewise; it has to be connected before its first command. */
function besideNodeRedis(client: NodeRedisLike): (() => OwnConnection) | undefined {
  const { duplicate, masters } = client as { duplicate?: () => NodeRedisLike; masters?: unknown };
  const isSentinel = typeof fieldsOf(client).getSentinelNode === 'function';
  if (typeof duplicate !== 'function' || masters !== undefined || isSentinel) return undefined;
  return () => {
    const own = duplicate.call(client) as NodeRedisLike & { connect(): Promise<unknown>; destroy?(): unknown };
    own.on?.('error', () => {});
    let connecting: Promise<unknown> | null = null;
    const redis = fromNodeRedis(own);
    return {
      redis: {
        ...redis,
        async send(command) {
          // It goes on by itself from there, as the options of the client say.
          connecting ??= own.connect().catch((error: unknown) => {
            connecting = null;
            throw error;
          });
          await connecting;
          return redis.send(command);
        },
      },
      end() {
        // Ending what is not open is an error to it.
        if (own.isOpen !== false) own.destroy?.();
      },
    };
  };
}

/** The client's call shape, recognised by what it can do; `null` where it is none that is known. */
export function redisLikeOf(client: unknown): RedisLike | null {
  const has = (name: string) => typeof (client as Record<string, unknown> | null | undefined)?.[name] === 'function';
  if (has('callBuffer') && has('call')) return fromIoredis(client as IoredisLike);
  if (has('sendCommand')) return fromNodeRedis(client as NodeRedisLike);
  return has('send') && has('isReady') ? (client as RedisLike) : null;
}

/** One listener, however many commands wait. */
function waitForReady(client: IoredisLike): () => Promise<void> {
  let waiting: Promise<void> | null = null;
  return () => {
    if (client.status === 'wait') (client.connect?.() as Promise<unknown> | undefined)?.catch(() => {});
    waiting ??= new Promise<void>((resolve, reject) => {
      const end = (settle: () => void) => {
        client.off?.('ready', isReady);
        client.off?.('end', isOver);
        waiting = null;
        settle();
      };
      const isReady = () => end(resolve);
      const isOver = () => end(() => reject(new Error('Connection is closed.')));
      client.on?.('ready', isReady);
      client.on?.('end', isOver);
    });
    return waiting;
  };
}

function notConnected(client: NodeRedisLike): WaSyncError {
  const target = targetOf(client.options);
  const at = target === null ? '' : ` at ${target}`;
  return new WaSyncError(
    'store_unreachable',
    `Redis${at} cannot be reached: the node-redis client is closed or was never connected; call await client.connect() before wa.start()`,
    { retryable: true },
  );
}

function listen(client: Emitter, event: 'error' | 'end', listener: (error: unknown) => void): () => void {
  client.on?.(event, listener);
  return () => client.off?.(event, listener);
}

/** Host and port alone: the options of a client hold its password. */
function targetOf(options: unknown): string | null {
  const { host, port, path, socket } = fieldsOf(options);
  const inner = fieldsOf(socket);
  const place = typeof path === 'string' ? path : inner.path;
  if (typeof place === 'string') return place;
  const [name, number] = [host ?? inner.host, port ?? inner.port];
  return typeof name === 'string' ? `${name}:${typeof number === 'number' ? number : 6379}` : null;
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
