import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy that cuts connections after so many bytes, in the middle of whatever passes then. */
export interface CuttingProxy {
  readonly port: number;
  /** Connections that were cut. */
  readonly cuts: number;
  /** Each connection, an open one too, is cut after what `bytes` answers, both directions counted together; `null` leaves it. */
  cutAfter(bytes: (() => number) | null): void;
  stop(): Promise<void>;
}

/** Starts one before a port on loopback. */
export async function startCuttingProxy(target: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let next: (() => number) | null = null;
  const links = new Set<{ left: number }>();
  let cuts = 0;

  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    const link = { left: next?.() ?? Number.POSITIVE_INFINITY };
    links.add(link);
    const end = () => {
      links.delete(link);
      client.destroy();
      upstream.destroy();
    };
    const pass = (from: Socket, to: Socket) => {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        end();
      });
      from.on('data', (data) => {
        if (data.length < link.left) {
          link.left -= data.length;
          to.write(data);
          return;
        }
        cuts += 1;
        // What came before the cut still arrives: a statement without its answer, or half of either.
        to.write(data.subarray(0, link.left), end);
        link.left = 0;
      });
    };
    pass(client, upstream);
    pass(upstream, client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    get cuts() {
      return cuts;
    },
    cutAfter(bytes) {
      next = bytes;
      for (const link of links) link.left = bytes?.() ?? Number.POSITIVE_INFINITY;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
