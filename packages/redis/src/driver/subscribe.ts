/** A connection of its own that hears one channel. */
export interface Subscription {
  /** Settles once it listens; rejects where it cannot. */
  readonly hearing: Promise<void>;
  /** Settles when the connection has ended. */
  readonly ended: Promise<void>;
  /** A round trip: a link that died without a word is noticed by asking. Absent where the client does that itself. */
  ping?(): Promise<unknown>;
  /** Ends the connection. */
  close(): void;
}

/** Makes a subscription beside a client. */
export type Subscribe = (params: { channel: string; heard: (message: string) => void }) => Subscription;

/** Emits; made by `duplicate()` of either client, and ended by us. */
interface Duplicate {
  on(event: string, listener: (...args: string[]) => void): unknown;
  connect(): Promise<unknown>;
  subscribe(channel: string, listener?: (message: string) => void): Promise<unknown>;
  ping?(): Promise<unknown>;
  disconnect(): unknown;
  destroy?(): unknown;
  readonly isOpen?: boolean | undefined;
}

const nothing = () => {};

function endOf(duplicate: Duplicate, events: readonly string[]): Promise<void> {
  // Without a listener node-redis ends the process, and ioredis prints.
  duplicate.on('error', nothing);
  return new Promise((resolve) => {
    for (const event of events) duplicate.on(event, () => resolve());
  });
}

/**
 * With ioredis or its `Cluster`. The connection does not come back by itself: whoever needs it makes another, so that
 * there is one way in which that happens, whatever the options of the caller's client say.
 */
export function subscribeIoredis(client: unknown): Subscribe | undefined {
  const { duplicate, nodes } = client as { duplicate?: unknown; nodes?: unknown };
  if (typeof duplicate !== 'function') return undefined;
  const isCluster = typeof nodes === 'function';
  const once = { lazyConnect: true, retryStrategy: null, autoResubscribe: false, enableOfflineQueue: true };
  return ({ channel, heard }) => {
    const own = (
      isCluster
        ? duplicate.call(client, [], { lazyConnect: true, clusterRetryStrategy: null })
        : duplicate.call(client, once)
    ) as Duplicate;
    own.on('message', (from = '', message = '') => {
      if (from === channel) heard(message);
    });
    const ended = endOf(own, ['end']);
    const hearing = own.connect().then(async () => {
      await own.subscribe(channel);
    });
    return {
      hearing,
      ended,
      ...(isCluster ? {} : { ping: () => own.ping?.() ?? Promise.resolve() }),
      close: () => void own.disconnect(),
    };
  };
}

/** With node-redis or its cluster; likewise. */
export function subscribeNodeRedis(client: unknown): Subscribe | undefined {
  const { duplicate, options, masters } = client as { duplicate?: unknown; options?: unknown; masters?: unknown };
  if (typeof duplicate !== 'function') return undefined;
  const isCluster = masters !== undefined;
  return ({ channel, heard }) => {
    const { socket } = (options ?? {}) as { socket?: object };
    const once = isCluster ? {} : { socket: { ...socket, reconnectStrategy: false } };
    const own = duplicate.call(client, once) as Duplicate;
    // Without reconnecting, an error is the end.
    const ended = endOf(own, isCluster ? ['disconnect'] : ['end', 'error']);
    const hearing = own.connect().then(async () => {
      await own.subscribe(channel, (message) => heard(message));
    });
    return {
      hearing,
      ended,
      ...(isCluster ? {} : { ping: () => own.ping?.() ?? Promise.resolve() }),
      close() {
        // Ending what has ended already is an error to it.
        if (own.isOpen !== false) own.destroy?.();
      },
    };
  };
}
