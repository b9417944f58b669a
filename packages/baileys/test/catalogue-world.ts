import {
  createMemoryStore,
  createWaSync,
  type SessionStatus,
  type StoredSession,
  type WaSyncEventName,
  type WaSyncEvents,
} from '@wa-sync/core';
import { type FakeWhatsApp, startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import type { AuthSource, BaileysModuleLike, SessionAuth } from '../src/index.js';
import { baileysProvider, createBaileysAuthState } from '../src/index.js';

/** A tenth of the defaults and less. */
export const PROBE = { timeoutMs: 1_500, silenceMs: 1_500, failures: 2 };
export const HANDLERS_STALLED_AFTER_MS = 2_000;

export type Told = { [Name in WaSyncEventName]: { readonly name: Name } & WaSyncEvents[Name] }[WaSyncEventName];

/** One session in a world of many. */
export interface CatalogueSession {
  readonly id: string;
  readonly phone: string;
  /** What WhatsApp knows of it. */
  readonly device: ReturnType<FakeWhatsApp['session']>;
  /** The row, as it is in the store. */
  row(): Promise<StoredSession>;
  /** Waits, by the events of its writes, until the row fits. */
  rowThat(fits: (row: StoredSession) => boolean, what: string, withinMs?: number): Promise<StoredSession>;
  becomes(status: SessionStatus, options?: { reason?: string; withinMs?: number }): Promise<StoredSession>;
  /** `status` or `status/reason` of every write so far. */
  written(): string[];
  told(name: WaSyncEventName): Told[];
  /** Resolves with the event that fits, published before or later: a row may have gone on by the time it is read. */
  tells(fits: (told: Told) => boolean, what: string): Promise<Told>;
  /** Nothing of it is open any more, and nothing is opened anew for so long: more than any back-off unless given. */
  staysOffline(forMs?: number): Promise<void>;
}

/**
 * One engine, one provider and one server for all rows of the failure catalogue at once, each on a session of its own:
 * they disturb each other as sessions of one process do.
 */
export async function createCatalogueWorld(
  baileys: BaileysModuleLike & Required<Pick<BaileysModuleLike, 'makeWASocket'>>,
) {
  const server = await startFakeWhatsApp({ preKeys: 'plenty', baileys });
  const store = createMemoryStore();
  await store.init();
  const told: Told[] = [];
  const waiting = new Set<() => void>();
  const hanging = new Map<string, Set<() => void>>();
  const hungEnds = new Set<string>();
  let numbers = 0;

  /** Credentials in the store, whose reading of keys can be made to hang. */
  const auth: AuthSource = async ({ sessionId, tenure }) => {
    const own: SessionAuth = await createBaileysAuthState({ store: store.auth!, sessionId, tenure, baileys });
    const { keys } = own.state;
    const get: typeof keys.get = async (type, ids) => {
      const held = hanging.get(sessionId);
      if (held) await new Promise<void>((resolve) => held.add(resolve));
      return keys.get(type, ids);
    };
    return { ...own, state: { ...own.state, keys: { ...keys, get } } };
  };

  const provider = baileysProvider({
    auth,
    baileys: {
      ...baileys,
      makeWASocket(config: { sessionId?: string }) {
        const socket = baileys.makeWASocket(config);
        if (hungEnds.delete(config.sessionId ?? '')) {
          const handler = () => new Promise(() => {});
          (socket as unknown as { registerSocketEndHandler(run: () => unknown): void }).registerSocketEndHandler(
            handler,
          );
        }
        return socket;
      },
    },
    socketConfig: ({ sessionId }) => ({
      ...server.socketConfig(),
      sessionId,
      ...(sessionId === 'F13' ? { qrTimeout: 100 } : {}),
    }),
    conversationOf: ({ phoneJid }) => phoneJid,
    loginJitterMs: 50,
    // The store of this test hangs for longer than any limit would allow.
    authTimeoutMs: 600_000,
    handlersStalledAfterMs: HANDLERS_STALLED_AFTER_MS,
    attemptTimeoutMs: 4_000,
    backoff: { baseMs: 60, maxMs: 400 },
  });
  const wa = createWaSync({
    store,
    provider,
    probe: PROBE,
    lease: { ttlMs: 60_000, tickMs: 100 },
    jobs: { sync: '* * * * * *', cleanup: false, inactivity: false },
  });
  for (const name of ['session:changed', 'session:health', 'session:restart-requested', 'ownership:lost'] as const) {
    wa.on(name, (payload) => {
      told.push({ name, ...payload } as Told);
      for (const look of [...waiting]) look();
    });
  }
  await wa.start();

  async function rowOf(id: string): Promise<StoredSession> {
    const [row] = await store.sessions.get({ ids: [id] });
    if (!row) throw new Error(`There is no row ${id}`);
    return row;
  }

  function sessionOf(id: string, phone: string): CatalogueSession {
    const ofIt = (one: Told) => 'sessionId' in one && one.sessionId === id;
    const rowThat: CatalogueSession['rowThat'] = (fits, what, withinMs = 30_000) =>
      new Promise((resolve, reject) => {
        const over = () => {
          waiting.delete(look);
          clearTimeout(giveUp);
        };
        const giveUp = setTimeout(async () => {
          over();
          const { status, reason, health } = await rowOf(id);
          reject(new Error(`${id}: not within ${withinMs} ms: ${what}; is ${status}/${reason?.code}/${health}`));
        }, withinMs);
        const look = async () => {
          const row = await rowOf(id);
          if (!fits(row)) return;
          over();
          resolve(row);
        };
        waiting.add(look);
        void look();
      });
    return {
      id,
      phone,
      get device() {
        return server.session(phone);
      },
      row: () => rowOf(id),
      rowThat,
      becomes: (status, { reason, withinMs } = {}) => {
        const fits = (now: SessionStatus, why: string | undefined) =>
          now === status && (reason === undefined || why === reason);
        const from = told.length;
        // What was written since counts as well: the row may have gone on by the time it is read.
        const wasWritten = () =>
          told.slice(from).some((one) => one.name === 'session:changed' && ofIt(one) && fits(one.to, one.reason?.code));
        return rowThat(
          (row) => fits(row.status, row.reason?.code) || wasWritten(),
          `${status}/${reason ?? ''}`,
          withinMs,
        );
      },
      written: () =>
        told
          .filter((one) => one.name === 'session:changed' && ofIt(one))
          .map((one) => {
            const { to, reason } = one as Told & { name: 'session:changed' };
            return reason ? `${to}/${reason.code}` : to;
          }),
      told: (name) => told.filter((one) => one.name === name && ofIt(one)),
      tells: (fits, what) =>
        new Promise((resolve, reject) => {
          const over = () => {
            waiting.delete(look);
            clearTimeout(giveUp);
          };
          const giveUp = setTimeout(() => {
            over();
            reject(new Error(`${id}: not told within 30 s: ${what}; ${JSON.stringify(told.filter(ofIt))}`));
          }, 30_000);
          const look = () => {
            const found = told.find((one) => ofIt(one) && fits(one));
            if (!found) return;
            over();
            resolve(found);
          };
          waiting.add(look);
          look();
        }),
      async staysOffline(forMs = 800) {
        const device = server.session(phone);
        const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
        // Its end takes its time on a busy machine.
        for (let tries = 0; device.connections.length > 0 && tries < 200; tries++) await pause(25);
        const logins = device.history.filter(({ event }) => event === 'login-started').length;
        await pause(forMs);
        const now = device.history.filter(({ event }) => event === 'login-started').length;
        if (device.connections.length > 0 || now > logins) throw new Error(`${id} was opened again`);
      },
    };
  }

  return {
    server,
    store,
    wa,
    /** A session that is not linked yet, and not started. */
    async unpaired(id: string): Promise<CatalogueSession> {
      await wa.sessions.create({ id, desired: 'stopped' });
      return sessionOf(id, `55119${(numbers++).toString().padStart(8, '0')}`);
    },
    /** A session that was linked earlier, and is connected. */
    async connected(id: string): Promise<CatalogueSession> {
      const phone = `55119${(numbers++).toString().padStart(8, '0')}`;
      await wa.sessions.create({ id, desired: 'stopped' });
      const { state, saveCreds } = await createBaileysAuthState({ store: store.auth!, sessionId: id, baileys });
      Object.assign(state.creds, server.createCredentials({ phone }));
      await saveCreds();
      await wa.sessions.start(id);
      const session = sessionOf(id, phone);
      await session.becomes('CONNECTED');
      return session;
    },
    /** Reading its keys does not end from now on, until `release`. */
    hang(id: string): { release(): void } {
      const held = new Set<() => void>();
      hanging.set(id, held);
      return {
        release() {
          hanging.delete(id);
          for (const resolve of held) resolve();
        },
      };
    },
    /** The next socket of this session never emits its end. */
    hangNextEnd: (id: string) => void hungEnds.add(id),
    async stop(): Promise<void> {
      await wa.stop();
      await store.close();
      await server.close();
    },
  };
}

export type CatalogueWorld = Awaited<ReturnType<typeof createCatalogueWorld>>;
