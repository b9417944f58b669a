import {
  type Clock,
  type ConnectionProvider,
  createMemoryStore,
  type KnownObservation,
  type Observation,
  type SessionStatus,
  systemClock,
  systemRandom,
  type WhatsAppConnection,
} from '@wa-sync/core';
import {
  createMemoryAuthState,
  type FakeWhatsApp,
  type FakeWhatsAppOptions,
  startFakeWhatsApp,
} from '@wa-sync/fake-whatsapp';
import {
  type AuthenticationCreds,
  type AuthenticationState,
  makeWASocket,
  type UserFacingSocketConfig,
  type WASocket,
} from '@whiskeysockets/baileys';
import {
  type BaileysProviderOptions,
  baileysProvider,
  createBaileysAuthState,
  silenceLibsignal,
} from '../src/index.js';
import { endLater } from './end-later.js';

silenceLibsignal();

export const quietLogger = {
  level: 'silent',
  child: () => quietLogger,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
};

export async function startServer(options: FakeWhatsAppOptions = {}): Promise<FakeWhatsApp> {
  const server = await startFakeWhatsApp({ preKeys: 'plenty', ...options });
  endLater(() => server.close());
  return server;
}

/** A socket that a host would open itself, for a device linked earlier. */
export function openSocket(
  server: FakeWhatsApp,
  options: { phone?: string; config?: Partial<UserFacingSocketConfig> } = {},
): WASocket {
  const creds = server.createCredentials({ phone: options.phone ?? '5511911110001' });
  const socket = makeWASocket({
    ...server.socketConfig(),
    auth: createMemoryAuthState(creds),
    logger: quietLogger,
    ...options.config,
  });
  endLater(async () => {
    await Promise.race([socket.end(undefined), new Promise((resolve) => setImmediate(resolve))]);
  });
  return socket;
}

/** Waits, by the connection's own signal, for a snapshot that fits. */
export async function until(
  connection: WhatsAppConnection,
  fits: (seen: Observation) => boolean,
  what: string,
  timeoutMs = 10_000,
): Promise<KnownObservation> {
  return new Promise((resolve, reject) => {
    const give = setTimeout(() => {
      stop();
      reject(new Error(`Waited ${timeoutMs} ms for ${what}; saw ${JSON.stringify(connection.snapshot())}`));
    }, timeoutMs);
    const stop = connection.onChange(look);
    function look(): void {
      const seen = connection.snapshot();
      if (!fits(seen)) return;
      clearTimeout(give);
      stop();
      resolve(seen as KnownObservation);
    }
    look();
  });
}

export function untilStatus(
  connection: WhatsAppConnection,
  status: SessionStatus,
  options: { reason?: string; timeoutMs?: number } = {},
): Promise<KnownObservation> {
  const { reason, timeoutMs } = options;
  return until(
    connection,
    (seen) => seen.kind === 'known' && seen.status === status && (reason === undefined || seen.reason?.code === reason),
    reason === undefined ? status : `${status} / ${reason}`,
    timeoutMs,
  );
}

/** Every status that a connection shows, in order, without repeats. */
export function recordStatuses(connection: WhatsAppConnection): string[] {
  const seen: string[] = [];
  function look(): void {
    const now = connection.snapshot();
    const word = now.kind === 'known' ? now.status : 'unknown';
    if (seen.at(-1) !== word) seen.push(word);
  }
  connection.onChange(look);
  look();
  return seen;
}

const OWNER = 'incarnation-1';

/** A provider over a real store and the fake server, with sessions that are claimed. */
export async function startProvider(server: FakeWhatsApp, options: Partial<BaileysProviderOptions> = {}) {
  const store = createMemoryStore();
  await store.init();
  await store.leases.join({ incarnation: OWNER, replicaId: 'replica-1', ttlMs: 600_000 });
  const auth = store.auth!;
  const provider: ConnectionProvider = baileysProvider({
    auth,
    socketConfig: { ...server.socketConfig() },
    loginJitterMs: 0,
    backoff: { baseMs: 20, maxMs: 200 },
    ...options,
  });
  const opened: WhatsAppConnection[] = [];
  endLater(async () => {
    await Promise.all(opened.map((connection) => connection.close({ reason: 'test_over' })));
    await store.close();
  });

  async function claim(id: string, tenure: string): Promise<void> {
    const [outcome] = await store.sessions.claim({ owner: OWNER, claims: [{ id, tenure, mode: 'takeover' }] });
    if (!outcome?.claimed) throw new Error(`Could not claim ${id}: ${outcome?.why}`);
  }

  return {
    store,
    auth,
    provider,
    claim,
    async addSession(id: string, phone?: string): Promise<{ id: string; tenure: string; jid: string }> {
      const tenure = `tenure-of-${id}`;
      await store.sessions.create({ sessions: [{ id, desired: 'running' }] });
      await claim(id, tenure);
      if (phone === undefined) return { id, tenure, jid: '' };
      const creds = server.createCredentials({ phone });
      const state = await createBaileysAuthState({ store: auth, sessionId: id });
      Object.assign(state.state.creds, creds);
      await state.saveCreds();
      return { id, tenure, jid: creds.me!.id };
    },
    open(params: {
      id: string;
      tenure: string;
      fenced?: AbortSignal;
      stillOurs?: () => Promise<boolean>;
    }): WhatsAppConnection {
      const { id, tenure, fenced = new AbortController().signal, stillOurs } = params;
      const connection = provider.open({ sessionId: id, tenure, fenced, stillOurs });
      opened.push(connection);
      return connection;
    },
    storedCreds: async (id: string) => (await auth.read({ sessionId: id, type: 'creds', ids: ['creds'] })).get('creds'),
  };
}

/** Credentials in memory whose key store can be made to hang, as one does whose database has gone. */
export function hangingAuth(creds: AuthenticationCreds) {
  const state = createMemoryAuthState(creds);
  let hanging = false;
  let hung = 0;
  const held = new Set<() => void>();
  const pass = () =>
    hanging
      ? new Promise<void>((resolve) => {
          hung += 1;
          held.add(resolve);
        })
      : undefined;
  const auth: AuthenticationState = {
    creds: state.creds,
    keys: {
      async get(type, ids) {
        await pass();
        return state.keys.get(type, ids);
      },
      async set(data) {
        await pass();
        await state.keys.set(data);
      },
    },
  };
  return {
    auth,
    hung: () => hung,
    hang: () => {
      hanging = true;
    },
    release: () => {
      hanging = false;
      for (const resolve of held) resolve();
      held.clear();
    },
  };
}

/**
 * The system's clock, so many times as fast: for waits whose length is not the point. Baileys' own timers keep their
 * pace.
 */
export function fastClock(times: number): Clock {
  return {
    ...systemClock,
    monotonicMs: () => systemClock.monotonicMs() * times,
    schedule: (run, delayMs) => systemClock.schedule(run, delayMs / times),
  };
}

/**
 * Options of the provider under which pauses of this length are over at once. Nothing is left to chance, so that a
 * pause has exactly its least length; others keep theirs.
 */
export function shortening(pauseMs: number): Pick<BaileysProviderOptions, 'clock' | 'random'> {
  return {
    random: { ...systemRandom, next: () => 0 },
    clock: {
      ...systemClock,
      schedule: (run, delayMs) => systemClock.schedule(run, delayMs === pauseMs ? 10 : delayMs),
    },
  };
}

/** The system's clock, and how many of its timers are running. */
export function countingClock() {
  let running = 0;
  const clock: Clock = {
    ...systemClock,
    schedule(run, delayMs) {
      let over = false;
      running += 1;
      const finish = () => {
        if (!over) running -= 1;
        over = true;
      };
      const cancel = systemClock.schedule(() => {
        finish();
        run();
      }, delayMs);
      return () => {
        finish();
        cancel();
      };
    },
  };
  return { clock, running: () => running };
}
