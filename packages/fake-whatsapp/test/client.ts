import {
  type AuthenticationCreds,
  type AuthenticationState,
  type BaileysEventMap,
  type ConnectionState,
  makeWASocket,
  type UserFacingSocketConfig,
  type WAMessage,
  type WASocket,
} from '@whiskeysockets/baileys';
import { createMemoryAuthState, type FakeWhatsApp } from '../src/index.js';

export type LogLine = { level: string; fields: unknown; message?: string };

/** What Baileys logs, kept instead of printed. */
export function createLogCollector() {
  const lines: LogLine[] = [];
  const at = (level: string) => (fields: unknown, message?: string) => void lines.push({ level, fields, message });
  const logger = {
    level: 'info',
    child: () => logger,
    trace() {},
    debug() {},
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
  return { logger, lines };
}

export type Closed = { statusCode: number | undefined; message: string; data: unknown };

export type Upsert = BaileysEventMap['messages.upsert'];

export type Client = {
  upserts: Upsert[];
  /** Resolves with the first upsert of a message with this id. */
  upsert(id: string, probe?: (message: WAMessage) => boolean): Promise<Upsert>;
  /** Resolves once a message has this status, in an update or, where Baileys merged the two, in its upsert. */
  status(id: string, status: number): Promise<unknown>;
  sock: WASocket;
  auth: AuthenticationState;
  updates: Partial<ConnectionState>[];
  lines: LogLine[];
  /** Resolves at the first update for which the probe holds, past ones included. */
  until(probe: (update: Partial<ConnectionState>) => boolean): Promise<Partial<ConnectionState>>;
  /** Resolves once the probe holds; it is checked again at every event of Baileys. */
  when(probe: () => boolean): Promise<unknown>;
  open(): Promise<Partial<ConnectionState>>;
  qr(): Promise<string>;
  closed(): Promise<Closed>;
  ping(timeoutMs?: number): Promise<unknown>;
};

export type ClientOptions = Partial<UserFacingSocketConfig> & {
  creds?: AuthenticationCreds;
  auth?: AuthenticationState;
};

/** A real Baileys socket whose credentials are kept up to date. */
export function connect(wa: FakeWhatsApp, { creds, auth: given, ...config }: ClientOptions): Client {
  const auth = given ?? createMemoryAuthState(creds!);
  const { logger, lines } = createLogCollector();
  const sock = makeWASocket({ ...wa.socketConfig(), auth, logger, ...config });
  const updates: Partial<ConnectionState>[] = [];
  const upserts: Upsert[] = [];
  const messageUpdates: BaileysEventMap['messages.update'] = [];
  const watchers = new Set<() => void>();
  const changed = () => {
    for (const watcher of [...watchers]) watcher();
  };
  function untilFound<T>(find: () => T | undefined): Promise<T> {
    return new Promise((resolve) => {
      const look = () => {
        const found = find();
        if (!found) return;
        watchers.delete(look);
        resolve(found);
      };
      watchers.add(look);
      look();
    });
  }
  sock.ev.on('creds.update', (update) => {
    Object.assign(auth.creds, update);
    changed();
  });
  sock.ev.on('connection.update', (update) => {
    updates.push(update);
    changed();
  });
  sock.ev.on('messages.upsert', (upsert) => {
    upserts.push(upsert);
    changed();
  });
  sock.ev.on('messages.update', (changes) => {
    messageUpdates.push(...changes);
    changed();
  });

  const client: Client = {
    sock,
    auth,
    updates,
    lines,
    upserts,
    upsert: (id, probe = () => true) =>
      untilFound(() => upserts.find(({ messages }) => messages.some((one) => one.key.id === id && probe(one)))),
    status: (id, status) =>
      untilFound(
        () =>
          messageUpdates.some(({ key, update }) => key.id === id && update.status === status) ||
          upserts.some(({ messages }) => messages.some((one) => one.key.id === id && one.status === status)),
      ),
    until: (probe) => untilFound(() => updates.find(probe)),
    when: (probe) => untilFound(probe),
    open: () => client.until(({ connection }) => connection === 'open'),
    qr: async () => (await client.until(({ qr }) => typeof qr === 'string')).qr!,
    async closed() {
      const { lastDisconnect } = await client.until(({ connection }) => connection === 'close');
      const error = lastDisconnect?.error as Error & { output?: { statusCode: number }; data?: unknown };
      return { statusCode: error?.output?.statusCode, message: error?.message, data: error?.data };
    },
    ping: (timeoutMs = 5000) =>
      sock.query(
        {
          tag: 'iq',
          attrs: { to: 's.whatsapp.net', type: 'get', xmlns: 'w:p' },
          content: [{ tag: 'ping', attrs: {} }],
        },
        timeoutMs,
      ),
  };
  return client;
}
