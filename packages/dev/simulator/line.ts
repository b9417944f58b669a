/**
 * Keeps one session connected from one process: opens a link, opens it again after it ended, and stops where that
 * makes no sense. A host's own reconnect loop is one with a new connection object a link; a provider's is one with a
 * single object.
 */
import type { Draw } from './draw.js';
import type { Recorder } from './history.js';
import { createSimConnection, NO_QUIRKS, type Quirks, type SimConnection } from './sim-connection.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';
import type { EndCode, Link, WhatsApp } from './whatsapp.js';

export interface Line {
  readonly session: string;
  readonly mode: 'attached' | 'provided';
  readonly tenure: string | null;
  readonly process: SimProcess;
  readonly quirks: Quirks;
  /** The object that wa-sync has now. */
  readonly connection: SimConnection;
  readonly stopped: boolean;
  /** Whether it will open again by itself. */
  readonly tries: boolean;
  open(): void;
  /** A person scans the code again. */
  pair(): void;
  stop(): void;
  setHealth(health: 'healthy' | 'degraded'): void;
}

export interface LineParams {
  session: string;
  mode: 'attached' | 'provided';
  tenure: string | null;
  /** A new connection object for each link. */
  renews: boolean;
  process: SimProcess;
  whatsapp: WhatsApp;
  timeline: Timeline;
  recorder: Recorder;
  draw: Draw;
  forced: () => boolean;
  onRenewed: (connection: SimConnection) => void;
}

/** A provider waits before it takes a number back that was opened elsewhere. */
const AFTER_CONFLICT_MS = 30_000;

export function createLine(params: LineParams): Line {
  const { session, mode, tenure, renews, process, whatsapp, timeline, recorder, draw } = params;
  const quirks: Quirks = { ...NO_QUIRKS };
  let objects = 0;
  let attempt = 0;
  let stopped = false;
  let opening = false;
  let round = 0;
  let link: Link | null = null;
  let connection = makeConnection();

  function makeConnection(): SimConnection {
    objects += 1;
    return createSimConnection({
      name: `${process.name}/${session}#${objects}`,
      session,
      process,
      timeline,
      recorder,
      quirks,
      forced: params.forced,
      onHeal: (reason) => {
        if (link) end(link, 'connection_lost', reason);
      },
      onLogOut: () => whatsapp.logOut(session),
      onClose: () => {
        if (mode === 'provided') stop();
      },
    });
  }

  function stop(): void {
    if (stopped) return;
    stopped = true;
    round += 1;
    if (link) whatsapp.endByClient(link);
    link = null;
    connection.setLink(null);
    connection.say({ status: 'DISCONNECTED', reason: { code: 'closed' }, reconnectAttempt: 0, qr: null });
    recorder.note({ actor: process.name, what: 'connection-closed', session, tenure });
  }

  function again(delayMs: number): void {
    round += 1;
    const mine = round;
    process.clock.schedule(() => {
      if (mine === round && !stopped) open();
    }, delayMs);
  }

  /** The present link is over for the client. */
  function end(ended: Link, code: EndCode, reason: string = code): void {
    if (link !== ended) return;
    whatsapp.endByClient(ended);
    link = null;
    connection.setLink(null);
    fail(code, reason);
  }

  function fail(code: EndCode, reason: string): void {
    if (stopped) return;
    if (code === 'logged_out') {
      round += 1;
      connection.say({ status: 'LOGGED_OUT', reason: { code }, reconnectAttempt: 0, qr: null });
      return;
    }
    if (code === 'conflict') {
      round += 1;
      connection.say({ status: 'REPLACED', reason: { code }, reconnectAttempt: 0, qr: null });
      // A host that opens again at once would only end the other one in turn.
      if (mode === 'provided' || draw.chance(0.3)) again(AFTER_CONFLICT_MS + draw.between(0, 5_000));
      return;
    }
    attempt += 1;
    connection.say({ status: 'RECONNECTING', reason: { code: reason }, reconnectAttempt: attempt, qr: null });
    again(Math.min(8_000, 500 * 2 ** attempt) + draw.between(0, 1_500));
  }

  function opened(next: Link): void {
    opening = false;
    if (stopped || link !== null) whatsapp.endByClient(next);
    // It ended on its way here.
    else if (next.endCode !== null) fail(next.endCode, next.endCode);
    else use(next);
  }

  function use(next: Link): void {
    link = next;
    attempt = 0;
    if (renews && (objects > 1 || connection.listeners > 0)) connection = makeConnection();
    connection.setLink(next);
    connection.say({
      status: 'CONNECTED',
      health: 'healthy',
      reason: null,
      reconnectAttempt: 0,
      qr: null,
      phone: '5511900000000',
    });
    // A client that asks by itself finds a dead link at last, also where nobody reported it.
    watch(next);
    params.onRenewed(connection);
  }

  function watch(watched: Link): void {
    const look = (): void => {
      if (link !== watched || stopped) return;
      if (timeline.nowMs() - watched.lastFrameMs() > 45_000) end(watched, 'connection_lost');
      else process.clock.schedule(look, 15_000);
    };
    process.clock.schedule(look, 15_000 + draw.between(0, 5_000));
  }

  function open(): void {
    if (stopped || link !== null || opening) return;
    opening = true;
    round += 1;
    whatsapp.open({
      session,
      process,
      mode,
      tenure,
      cancelled: () => stopped,
      onOpen: opened,
      onRefused(code) {
        opening = false;
        fail(code, code);
      },
      onEnd: (ended) => end(ended, ended.endCode ?? 'connection_lost'),
    });
  }

  return {
    session,
    mode,
    tenure,
    process,
    quirks,
    get connection() {
      return connection;
    },
    get stopped() {
      return stopped;
    },
    get tries() {
      return !stopped && connection.known().status !== 'REPLACED';
    },
    open,
    pair() {
      if (stopped || whatsapp.login(session) === 'paired') return;
      connection.say({ status: 'QR_CODE', reason: null, qr: `qr-${draw.between(1, 1_000_000)}` });
      process.clock.schedule(() => {
        whatsapp.pair(session);
        open();
      }, 3_000);
    },
    stop,
    setHealth(health) {
      if (link && connection.known().status === 'CONNECTED') {
        connection.say({ health, reason: health === 'degraded' ? { code: 'handlers_stalled' } : null });
      }
    },
  };
}
