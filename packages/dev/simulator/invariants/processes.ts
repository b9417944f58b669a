/** The lives of the processes of a history, and when something kept one of them from doing its work. */
import type { HistoryEntry } from '../history.js';

export interface ProcessLife {
  readonly name: string;
  readonly replicaId: string;
  /** How fast its clock runs. */
  readonly clockRate: number;
  readonly startedMs: number;
  runningMs: number;
  stoppingMs: number;
  endedMs: number;
  how: 'crashed' | 'stopped' | null;
  readonly incarnations: { readonly id: string; readonly atMs: number }[];
  /**
   * Whether nothing stood in its way in this span, from a while before it: what was late may still have been on its
   * way.
   */
  clear(fromMs: number, toMs: number): boolean;
  /** The same, but for a beat that hung: all else goes on. */
  couldWrite(fromMs: number, toMs: number): boolean;
  /** The same, but for a store that was slow for every call, or let nothing be written, and for a beat that hung. */
  couldRenew(fromMs: number, toMs: number): boolean;
  suspendedIn(fromMs: number, toMs: number): boolean;
  pausedIn(fromMs: number, toMs: number): boolean;
}

interface Span {
  readonly by: string;
  readonly fromMs: number;
  toMs: number;
}

/** The longest that a call can be on its way, and the pause after it. */
const AFTERMATH_MS = 26_000;

const NOTHING: ReadonlySet<string> = new Set();
/** The impairments under which a replica still writes at once. */
const WRITES_UNDER: ReadonlySet<string> = new Set(['beat_hangs']);
/** The impairments under which a replica still keeps its lease. */
const RENEWS_UNDER: ReadonlySet<string> = new Set(['store_slow', 'writes_locked', 'beat_hangs']);

const known = new WeakMap<readonly HistoryEntry[], ReadonlyMap<string, ProcessLife>>();

/** Read once for all the invariants that are held against a history. */
export function livesOf(history: readonly HistoryEntry[]): ReadonlyMap<string, ProcessLife> {
  const lives = known.get(history) ?? readLives(history);
  known.set(history, lives);
  return lives;
}

function readLives(history: readonly HistoryEntry[]): Map<string, ProcessLife> {
  const lives = new Map<string, ProcessLife>();
  const spans = new Map<string, Span[]>();
  const suspends = new Map<string, Span[]>();
  const pauses = new Map<string, Span[]>();
  const open = new Map<string, Span>();
  const rates = new Map<string, number>();
  const first = history.find((entry) => entry.what === 'settings');
  const aftermathMs = first?.settings.aftermathMs ?? AFTERMATH_MS;

  function spansOf(name: string): Span[] {
    const all = spans.get(name) ?? [];
    spans.set(name, all);
    return all;
  }

  function begin(name: string, by: string, fromMs: number): void {
    const key = `${name} ${by}`;
    if (open.has(key)) return;
    const span = { by, fromMs, toMs: Number.POSITIVE_INFINITY };
    open.set(key, span);
    spansOf(name).push(span);
  }

  function end(name: string, by: string, toMs: number): void {
    const span = open.get(`${name} ${by}`);
    if (span) span.toMs = toMs;
    open.delete(`${name} ${by}`);
  }

  const overlaps = (span: Span, fromMs: number, toMs: number) => span.toMs > fromMs && span.fromMs < toMs;
  const meets = (span: Span, fromMs: number, toMs: number) => span.toMs + aftermathMs > fromMs && span.fromMs < toMs;

  function isClear({ name, endedMs }: ProcessLife, fromMs: number, toMs: number, but: ReadonlySet<string>): boolean {
    const stands = (span: Span) => !but.has(span.by) && meets(span, fromMs, toMs);
    return endedMs > toMs && !spansOf(name).some(stands) && !spansOf('*').some(stands);
  }

  for (const entry of history) {
    const { actor, t } = entry;
    if (entry.what === 'impaired') {
      if (entry.on) begin(actor, entry.by, t);
      else end(actor, entry.by, t);
    } else if (entry.what === 'fault' && entry.actor !== 'world') {
      spansOf(actor).push({ by: entry.kind, fromMs: t, toMs: t });
    } else if (entry.what === 'clock-rate') {
      rates.set(actor, entry.rate);
    } else if (entry.what === 'process') {
      if (entry.state === 'starting') {
        const life: ProcessLife = {
          name: actor,
          replicaId: entry.replicaId,
          clockRate: rates.get(actor) ?? 1,
          startedMs: t,
          runningMs: Number.POSITIVE_INFINITY,
          stoppingMs: Number.POSITIVE_INFINITY,
          endedMs: Number.POSITIVE_INFINITY,
          how: null,
          incarnations: [],
          clear: (fromMs, toMs) => isClear(life, fromMs, toMs, NOTHING),
          couldWrite: (fromMs, toMs) => isClear(life, fromMs, toMs, WRITES_UNDER),
          couldRenew: (fromMs, toMs) => isClear(life, fromMs, toMs, RENEWS_UNDER),
          suspendedIn: (fromMs, toMs) => (suspends.get(actor) ?? []).some((span) => overlaps(span, fromMs, toMs)),
          pausedIn: (fromMs, toMs) => (pauses.get(actor) ?? []).some((span) => overlaps(span, fromMs, toMs)),
        };
        lives.set(actor, life);
      }
      const life = lives.get(actor);
      if (!life) continue;
      if (entry.state === 'running') life.runningMs = t;
      if (entry.state === 'stopping') life.stoppingMs = t;
      if (entry.state === 'paused') {
        begin(actor, 'pause', t);
        const pause = spansOf(actor).at(-1)!;
        pauses.set(actor, [...(pauses.get(actor) ?? []), pause]);
        if (entry.detail?.startsWith('suspend')) suspends.set(actor, [...(suspends.get(actor) ?? []), pause]);
      }
      if (entry.state === 'resumed') end(actor, 'pause', t);
      if (entry.state === 'crashed' || entry.state === 'stopped') {
        life.endedMs = t;
        life.how = entry.state;
      }
    } else if (entry.what === 'call' && entry.method === 'join') {
      const { incarnation } = entry.params as { incarnation: string };
      const life = lives.get(actor);
      if (life && life.incarnations.at(-1)?.id !== incarnation) life.incarnations.push({ id: incarnation, atMs: t });
    }
  }
  return lives;
}

/** The process that joined under an incarnation. */
export function lifeOf(lives: ReadonlyMap<string, ProcessLife>, incarnation: string): ProcessLife | undefined {
  for (const life of lives.values()) if (life.incarnations.some(({ id }) => id === incarnation)) return life;
  return undefined;
}
