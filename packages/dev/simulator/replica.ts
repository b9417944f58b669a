/**
 * One process with the real engine in it: its store client, its provider, and the host's loops for the sessions that
 * it attaches.
 */
import {
  type ConnectionProvider,
  createWaSync,
  type SessionStatus,
  silentLogger,
  type WaSync,
  type WaSyncOptions,
} from '@wa-sync/core';
import type { Draw } from './draw.js';
import type { Question, Recorder, SeenAtWrite, StoreMethod } from './history.js';
import { createLine, type Line } from './line.js';
import { listenToEvents } from './listen-to-events.js';
import { followSharedSyncs } from './shared-syncs.js';
import type { SimConnection } from './sim-connection.js';
import type { SimProcess } from './sim-process.js';
import { createStoreClient, type StoreClient, type StoreWeather } from './store-client.js';
import type { StoreParams, StoreServer } from './store-server.js';
import type { Timeline } from './timeline.js';
import type { WhatsApp } from './whatsapp.js';

export interface Replica {
  readonly process: SimProcess;
  readonly wa: WaSync;
  readonly client: StoreClient;
  /** Incarnation that it joined under last. */
  readonly incarnation: string | null;
  readonly phase: 'starting' | 'running' | 'failed' | 'stopping' | 'gone';
  /** Every line that it runs, the provider's and the host's. */
  readonly lines: ReadonlyMap<string, Line>;
  /** What the engine was given for a session. */
  said(session: string): SessionStatus | null;
  /** The host's loop for a session begins here. */
  attach(session: string): void;
  sync(options: { forced: boolean }): Promise<void>;
  /** Asks about one session, whoever has it. */
  ask(kind: Question, session: string): Promise<void>;
  stop(): Promise<void>;
  crash(): void;
}

export interface ReplicaParams {
  process: SimProcess;
  timeline: Timeline;
  recorder: Recorder;
  server: StoreServer;
  whatsapp: WhatsApp;
  /** Chance of the engine. */
  random: Draw;
  draw: Draw;
  options: Partial<WaSyncOptions>;
  withProvider: boolean;
  throwingListeners: boolean;
  nextCall: () => number;
  outage: () => StoreWeather['cut'];
  onFault: (replica: string, kind: string, method: StoreMethod) => void;
  /** Every call to the store, as it leaves. */
  onCall: (method: StoreMethod, given: StoreParams) => void;
  onStartFailed: () => void;
  /** Somebody forces a sync of one session, on whichever replica. */
  onForce: (session: string) => void;
  askedByForce: (session: string) => boolean;
}

export function createReplica(params: ReplicaParams): Replica {
  const { process, timeline, recorder, server, whatsapp, random, draw } = params;
  const lines = new Map<string, Line>();
  const current = new Map<string, SimConnection>();
  let phase: Replica['phase'] = 'starting';
  let incarnation: string | null = null;
  let forcing = 0;
  let forcedUntilMs = Number.NEGATIVE_INFINITY;

  const client = createStoreClient({
    process,
    server,
    timeline,
    draw,
    recorder,
    nextCall: params.nextCall,
    outage: params.outage,
    seenAtWrite,
    onFault: (kind, method) => params.onFault(process.name, kind, method),
    onCall: params.onCall,
    onJoin: (joined) => {
      incarnation = joined;
    },
  });

  const wa = createWaSync({
    ...params.options,
    store: client.store,
    replicaId: process.replicaId,
    clock: process.clock,
    random,
    // The history says what happened. Thousands of lines, each with a stack, cost more than the seeds do.
    logger: silentLogger,
    provider: params.withProvider ? { open: openProvided } : undefined,
  });
  listenToEvents({ wa, recorder, actor: process.name, throwing: params.throwingListeners });
  const syncs = followSharedSyncs(wa, heldNow);

  const isForced = (session: string): boolean =>
    forcing > 0 || timeline.nowMs() < forcedUntilMs || params.askedByForce(session);

  function makeLine(session: string, mode: Line['mode'], tenure: string | null, renews: boolean): Line {
    const line = createLine({
      session,
      mode,
      tenure,
      renews,
      process,
      whatsapp,
      timeline,
      recorder,
      draw,
      forced: () => isForced(session),
      onRenewed: (connection) => {
        if (mode === 'attached' && current.get(session) !== connection) hand(line, connection);
      },
    });
    lines.set(session, line);
    return line;
  }

  function openProvided({ sessionId, tenure, fenced }: Parameters<ConnectionProvider['open']>[0]): SimConnection {
    const before = lines.get(sessionId);
    // What waits for a person gets a new connection; what is at work by itself goes on.
    if (before && !before.stopped && before.tenure === tenure) {
      if (before.connection.known().status !== 'LOGGED_OUT') return before.connection;
      before.stop();
    }
    recorder.note({ actor: process.name, what: 'provider-open', session: sessionId, tenure, fenced: fenced.aborted });
    const line = makeLine(sessionId, 'provided', tenure, false);
    fenced.addEventListener('abort', () => process.deliver(line.stop), { once: true });
    current.set(sessionId, line.connection);
    process.deliver(line.open);
    return line.connection;
  }

  /** The host gives a connection to wa-sync. */
  function hand(line: Line, connection: SimConnection): void {
    current.set(line.session, connection);
    try {
      const { lost } = wa.attach(connection);
      const stop = (): void => {
        // A connection that its own line has renewed is replaced too, and the line goes on.
        if (current.get(line.session) === connection) process.deliver(line.stop);
      };
      lost.addEventListener('abort', stop, { once: true });
    } catch {
      if (current.get(line.session) === connection) current.delete(line.session);
    }
  }

  function seenAtWrite(given: StoreParams): SeenAtWrite[] {
    const writes = given.writes as readonly { id: string; writeId: string; set: { status: SessionStatus } | null }[];
    return writes.map(({ id, writeId, set }) => {
      const connection = current.get(id);
      const speaks = connection !== undefined && lines.get(id)?.quirks.snapshot === 'truth';
      return {
        session: id,
        writeId,
        status: set?.status ?? null,
        said: speaks ? connection.known() : null,
        connection: connection?.name ?? null,
        deadProbes: connection?.deadProbes() ?? 0,
        forced: isForced(id),
      };
    });
  }

  async function question(kind: Question, session: string) {
    if (kind === 'logout') {
      await wa.sessions.logout(session);
      return { said: 'done', of: null };
    }
    if (kind === 'status') {
      const { status, askedOf } = await wa.status(session);
      return { said: status, of: askedOf };
    }
    const report = await (kind === 'force' ? wa.forceSync(session) : wa.syncNow(session));
    return { said: report.sessions[0]?.actual ?? null, of: null };
  }

  function heldNow(): Line[] {
    return [...current.keys()].map((session) => lines.get(session)!).filter((line) => !line.stopped);
  }

  recorder.note({ actor: process.name, what: 'process', state: 'starting', replicaId: process.replicaId });
  wa.start().then(
    () => {
      if (phase !== 'starting') return;
      phase = 'running';
      recorder.note({ actor: process.name, what: 'process', state: 'running', replicaId: process.replicaId });
    },
    (error: unknown) => {
      if (phase !== 'starting') return;
      phase = 'failed';
      const detail = error instanceof Error ? error.message : String(error);
      recorder.note({
        actor: process.name,
        what: 'process',
        state: 'start_failed',
        replicaId: process.replicaId,
        detail,
      });
      params.onStartFailed();
    },
  );

  return {
    process,
    wa,
    client,
    lines,
    get incarnation() {
      return incarnation;
    },
    get phase() {
      return phase;
    },
    said(session) {
      // A host's connection stays with wa-sync after its loop has stopped; what a provider closed is gone.
      const line = lines.get(session);
      return line && (line.mode === 'attached' || !line.stopped)
        ? (current.get(session)?.known().status ?? null)
        : null;
    },
    attach(session) {
      const before = lines.get(session);
      if (before && !before.stopped) return before.open();
      const line = makeLine(session, 'attached', null, draw.chance(0.6));
      const early = draw.chance(0.4);
      // Over a connection that wa-sync has already, a host hands each new one at once.
      if (early || current.has(session)) hand(line, line.connection);
      line.open();
    },
    async sync({ forced }) {
      if (phase !== 'running') return;
      const id = params.nextCall();
      const sinceMs = timeline.nowMs();
      const { held, end } = syncs.join(forced ? 'forced' : 'plain');
      forcing += forced ? 1 : 0;
      let judged: string[] | null = null;
      let checked = 0;
      let ok = true;
      try {
        const report = await (forced ? wa.forceSync() : wa.syncNow());
        judged = report.sessions.map((one) => one.id);
        checked = report.totals.checked;
      } catch {
        ok = false;
      }
      end();
      forcing -= forced ? 1 : 0;
      if (forced) forcedUntilMs = timeline.nowMs() + 20_000;
      const still = new Set(heldNow());
      recorder.note({
        actor: process.name,
        what: 'sync',
        id,
        forced,
        held: held.filter((line) => still.has(line)).map((line) => line.session),
        judged,
        checked,
        ok,
        sinceMs,
      });
    },
    async ask(kind, session) {
      if (phase !== 'running') return;
      const sinceMs = timeline.nowMs();
      recorder.note({ actor: process.name, what: 'asks', kind, session });
      if (kind === 'force') params.onForce(session);
      let answer: { readonly said: string | null; readonly of: string | null };
      try {
        answer = await question(kind, session);
      } catch {
        answer = { said: null, of: null };
      }
      recorder.note({ actor: process.name, what: 'asked', kind, session, sinceMs, ...answer });
    },
    async stop() {
      if (phase === 'gone' || phase === 'stopping') return;
      phase = 'stopping';
      recorder.note({ actor: process.name, what: 'process', state: 'stopping', replicaId: process.replicaId });
      await wa.stop();
      this.crash();
    },
    crash() {
      if (phase === 'gone') return;
      const how = phase === 'stopping' || phase === 'failed' ? 'stopped' : 'crashed';
      phase = 'gone';
      process.end(how);
      whatsapp.processGone(process);
    },
  };
}
