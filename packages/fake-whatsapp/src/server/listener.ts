import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type SecureContextOptions, TLSSocket } from 'node:tls';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ConnectionPlan } from '../link/connection-plan.js';

const LOOPBACK = '127.0.0.1';
const MAX_FRAME_BYTES = 64 * 1024 * 1024;

export type ListenerOptions = {
  port: number;
  /** Key and certificate: the listener then speaks TLS. */
  tls?: SecureContextOptions;
  /** Answers requests that are no upgrade to a WebSocket. Default: 426. */
  onRequest?: RequestListener;
  /** Decides what happens to a TCP connection that was just accepted. */
  planConnection(): ConnectionPlan;
  onRefused(status: number): void;
  onWebSocket(ws: WebSocket, duplex: Duplex, tcp: Socket, plan: ConnectionPlan, path: string): void;
};

/** Accepts TCP on loopback and turns it into WebSockets, or refuses on demand. */
export type Listener = {
  readonly port: number;
  readonly listening: boolean;
  /** Stops accepting: connects are refused. Open connections stay. */
  stop(): Promise<void>;
  /** Accepts again, on the same port. */
  start(): Promise<void>;
  /** Stops and destroys what is open. */
  close(): Promise<void>;
};

export async function openListener(options: ListenerOptions): Promise<Listener> {
  const sockets = new Set<Socket>();
  const origin = new WeakMap<Duplex, { tcp: Socket; plan: ConnectionPlan }>();
  const upgrades = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES });
  // Never listens itself: it is handed sockets, so that the raw TCP socket below TLS stays within reach.
  const refuse: RequestListener = (_request, response) => {
    response.writeHead(426, { connection: 'close' }).end();
  };
  const http = createHttpServer(options.onRequest ?? refuse);
  let port = options.port;
  let tcpServer: Server | undefined;
  let starting: Promise<void> | undefined;

  http.on('upgrade', (request, duplex: Duplex, head) => {
    const { tcp, plan } = origin.get(duplex)!;
    if (plan.refuseUpgrade !== undefined) {
      options.onRefused(plan.refuseUpgrade);
      duplex.end(`HTTP/1.1 ${plan.refuseUpgrade} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const path = request.url ?? '/';
    upgrades.handleUpgrade(request, duplex, head, (ws) => options.onWebSocket(ws, duplex, tcp, plan, path));
  });

  function accept(tcp: Socket): void {
    sockets.add(tcp);
    tcp.once('close', () => sockets.delete(tcp));
    tcp.on('error', () => {});
    tcp.setNoDelay(true);
    const plan = options.planConnection();
    if (plan.resetAfter === 'tcp') {
      tcp.resetAndDestroy();
      return;
    }
    if (plan.silentAfter === 'tcp') {
      tcp.pause();
      return;
    }
    const duplex = options.tls ? new TLSSocket(tcp, { ...options.tls, isServer: true }) : tcp;
    duplex.on('error', () => {});
    origin.set(duplex, { tcp, plan });
    http.emit('connection', duplex);
  }

  function start(): Promise<void> {
    if (!tcpServer) {
      const server = createTcpServer({ allowHalfOpen: true }, accept);
      tcpServer = server;
      starting = new Promise<void>((resolve, reject) => {
        server.once('error', (error) => {
          if (tcpServer === server) tcpServer = undefined;
          reject(error);
        });
        server.listen(port, LOOPBACK, () => {
          port = (server.address() as AddressInfo).port;
          resolve();
        });
      });
    }
    return starting ?? Promise.resolve();
  }

  async function stop(): Promise<void> {
    starting = undefined;
    // The callback of close() would wait for the open connections; the port is free at once.
    tcpServer?.close();
    tcpServer = undefined;
  }

  await start();
  return {
    get port() {
      return port;
    },
    get listening() {
      return tcpServer !== undefined;
    },
    start,
    stop,
    async close() {
      const server = tcpServer;
      tcpServer = undefined;
      const closed = server && new Promise<void>((resolve) => server.close(() => resolve()));
      // Not `socket.closed`: that is true some time before the event that everybody else goes by.
      const gone = [...sockets].map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())));
      for (const socket of sockets) socket.destroy();
      await Promise.all([closed, ...gone]);
      http.closeAllConnections();
      http.close();
      upgrades.close();
    },
  };
}
