/**
 * The connection as wa-sync sees it: one object over the links that come and go. It says what the client knows, which
 * is not always what is true: a silent link seems open.
 */
import type {
  KnownObservation,
  Observation,
  ProbeAnswer,
  SendAnswer,
  SessionState,
  WhatsAppConnection,
} from '@wa-sync/core';
import type { Recorder } from './history.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';
import type { Link } from './whatsapp.js';

/** What an adapter does wrong, for a while. */
export interface Quirks {
  probe: 'truth' | 'never' | 'throws' | 'slow';
  snapshot: 'truth' | 'unknown' | 'throws';
  heal: 'ends' | 'nothing' | 'throws';
  send: 'sent' | 'unknown' | 'failed' | 'never' | 'throws';
}

export const NO_QUIRKS: Readonly<Quirks> = { probe: 'truth', snapshot: 'truth', heal: 'ends', send: 'sent' };

export interface SimConnection extends WhatsAppConnection {
  readonly name: string;
  readonly link: Link | null;
  /** What the client knows, whatever its quirks make of it. */
  known(): KnownObservation;
  say(state: Partial<SessionState>): void;
  setLink(link: Link | null): void;
  /** Probes of the present link that timed out after its last frame, in a process that ran. */
  deadProbes(): number;
  readonly snapshots: number;
  readonly listeners: number;
}

// A shorter break is not seen by everybody, and a longer one must be.
const STALL_MS = 2_000;

export function createSimConnection(params: {
  name: string;
  session: string;
  process: SimProcess;
  timeline: Timeline;
  recorder: Recorder;
  quirks: Quirks;
  state?: Partial<SessionState>;
  /** Whether a forced sync is under way, which decides at the first failure. */
  forced: () => boolean;
  onHeal: (reason: string) => void;
  onLogOut: () => void;
  onClose: (reason: string) => void;
}): SimConnection {
  const { name, session, process, timeline, recorder, quirks } = params;
  const listeners = new Set<{ readonly run: () => void }>();
  let state: SessionState = {
    status: 'CONNECTING',
    health: 'healthy',
    reason: null,
    reconnectAttempt: 0,
    phone: null,
    qr: null,
    ...params.state,
  };
  let link: Link | null = null;
  let lastFrameMs: number | null = null;
  let timedOut: { readonly link: Link; readonly askedAtMs: number }[] = [];
  let snapshots = 0;

  const frameMs = (): number | null => (link ? link.lastFrameMs() : lastFrameMs);

  function known(): KnownObservation {
    const seenMs = frameMs();
    // Counted by the clock of its process, as every adapter does.
    const silentForMs = seenMs === null ? null : (timeline.nowMs() - seenMs) * process.clockRate;
    return { kind: 'known', ...state, silentForMs };
  }

  function deadProbes(): number {
    return timedOut.filter((one) => one.link === link && one.askedAtMs >= (frameMs() ?? 0)).length;
  }

  function say(next: Partial<SessionState>): void {
    const before = state.status;
    state = { ...state, ...next };
    if (before !== state.status) {
      recorder.note({ actor: process.name, what: 'client', session, connection: name, status: state.status });
    }
    for (const { run } of [...listeners]) run();
  }

  function snapshot(): Observation {
    snapshots += 1;
    if (quirks.snapshot === 'throws') throw new Error('the adapter failed');
    return quirks.snapshot === 'unknown' ? { kind: 'unknown', why: 'resyncing' } : known();
  }

  function probe({ timeoutMs }: { timeoutMs: number }): Promise<ProbeAnswer> {
    const asked = link;
    const askedAtMs = timeline.nowMs();
    if (quirks.probe === 'never') return new Promise(() => {});
    if (quirks.probe === 'throws') return Promise.reject(new Error('the adapter failed'));
    if (asked === null) return Promise.resolve('unavailable');
    return new Promise((resolve) => {
      const cancel = process.clock.schedule(() => {
        if (link !== asked) return resolve('unavailable');
        if (process.ranSince(askedAtMs, STALL_MS / process.clockRate)) timedOut.push({ link: asked, askedAtMs });
        resolve('timeout');
      }, timeoutMs);
      const latencyMs = quirks.probe === 'slow' ? timeoutMs + 50 : asked.latencyMs;
      timeline.after(latencyMs, () => {
        if (asked.state !== 'open') return;
        process.deliver(() => {
          asked.noteFrame();
          cancel();
          resolve(link === asked ? 'answered' : 'unavailable');
        });
      });
    });
  }

  async function sendText(message: { chat: string; messageId: string; timeoutMs: number }): Promise<SendAnswer> {
    const used = link;
    const { chat, messageId } = message;
    const outcome = quirks.send;
    if (used === null || outcome === 'failed') return 'failed';
    process.deliver(() => {
      if (used.state !== 'open') return;
      const delivery = outcome === 'sent' ? 'sent' : 'unknown';
      recorder.note({ actor: process.name, what: 'message-sent', session, chat, messageId, delivery });
    });
    if (outcome === 'throws') throw new Error('connection closed');
    if (outcome === 'never') return new Promise(() => {});
    return new Promise((resolve) => {
      const lostMs = outcome === 'unknown' || used.state !== 'open' ? message.timeoutMs : null;
      if (lostMs !== null) process.clock.schedule(() => resolve('unknown'), lostMs);
      else timeline.after(used.latencyMs, () => process.deliver(() => resolve('sent')));
    });
  }

  return {
    name,
    sessionId: session,
    known,
    say,
    snapshot,
    probe,
    sendText,
    setLink(next) {
      lastFrameMs = frameMs();
      link = next;
      timedOut = [];
    },
    get link() {
      return link;
    },
    deadProbes,
    get snapshots() {
      return snapshots;
    },
    get listeners() {
      return listeners.size;
    },
    onChange(listener) {
      const entry = { run: listener };
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
    async heal({ reason }) {
      recorder.note({ actor: process.name, what: 'heal', session, deadProbes: deadProbes(), forced: params.forced() });
      if (quirks.heal === 'throws') throw new Error('the adapter failed');
      if (quirks.heal === 'ends') process.deliver(() => params.onHeal(reason));
    },
    async logOut() {
      if (link?.state !== 'open') throw new Error('connection closed');
      recorder.note({ actor: process.name, what: 'log-out', session });
      process.deliver(params.onLogOut);
    },
    async close({ reason }) {
      listeners.clear();
      process.deliver(() => params.onClose(reason));
    },
  };
}
