import { connect, createServer, type Socket } from 'node:net';
import type { FaultPlan, LinkFault } from './fault.js';
import { type Link, openLink } from './open-link.js';

/** A TCP server on loopback, or elsewhere. */
export interface FaultTarget {
  /** @defaultValue `127.0.0.1` */
  readonly host?: string | undefined;
  readonly port: number;
}

/** What a proxy has done so far. */
export interface FaultCounts extends Readonly<Record<LinkFault['kind'], number>> {
  /** Connections that came. */
  readonly connections: number;
}

/**
 * A TCP proxy on loopback that lets connections fail the ways networks do. A connection has one fault at a time, and
 * one that is to come: a later one takes the place of the earlier.
 */
export interface FaultProxy {
  readonly host: '127.0.0.1';
  /** Chosen by the system. */
  readonly port: number;
  /** Connections that are open now. */
  readonly open: number;
  readonly counts: FaultCounts;
  /**
   * Faults by script or by chance ({@link drawFaults}): every connection, an open one too, gets its next fault from
   * it; `null` for none.
   */
  plan(next: FaultPlan | null): void;
  /** The same fault to every connection that is open now, at once or after its `afterBytes`. */
  apply(fault: LinkFault): void;
  /** Ends every black hole and delay; what was held arrives. */
  heal(): void;
  /** Where connections that come from now on lead, as after a fail-over. */
  retarget(target: FaultTarget): void;
  /** Ends all connections and the proxy. */
  close(): Promise<void>;
}

/**
 * Starts a proxy before a server.
 *
 * @example
 * const proxy = await startFaultProxy({ port: 6379 });
 * const client = new Redis({ host: proxy.host, port: proxy.port });
 * proxy.plan(() => ({ kind: 'reset', direction: 'to-client', afterBytes: 7 })); // in the middle of an answer
 * proxy.apply({ kind: 'black-hole', direction: 'to-client' }); // commands arrive, answers do not
 * proxy.heal();
 * await proxy.close();
 */
export async function startFaultProxy(options: FaultTarget): Promise<FaultProxy> {
  let target = options;
  let plan: FaultPlan | null = null;
  const links = new Set<Link>();
  const counts = { connections: 0, cut: 0, reset: 0, 'black-hole': 0, delay: 0 };

  function join(client: Socket): void {
    counts.connections += 1;
    const number = counts.connections;
    const upstream = connect({ host: target.host ?? '127.0.0.1', port: target.port, allowHalfOpen: true });
    const link: Link = openLink({
      client,
      upstream,
      draw: () => plan?.(number) ?? null,
      happened: (kind) => {
        counts[kind] += 1;
      },
      closed: () => links.delete(link),
    });
    links.add(link);
    link.draw();
  }

  const server = createServer({ allowHalfOpen: true }, join);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The system gave no port');

  return {
    host: '127.0.0.1',
    port: address.port,
    get open() {
      return links.size;
    },
    get counts() {
      return { ...counts };
    },
    plan(next) {
      plan = next;
      for (const link of links) link.draw();
    },
    apply(fault) {
      for (const link of links) link.arm(fault);
    },
    heal() {
      for (const link of links) link.heal();
    },
    retarget(next) {
      target = next;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const link of links) link.destroy();
      await closed;
    },
  };
}
