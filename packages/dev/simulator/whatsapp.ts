/**
 * WhatsApp's side of a world: the truth about which link is open. A second login of one number ends the first with
 * 440.
 */
import type { Draw } from './draw.js';
import type { Recorder } from './history.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';

/** Why a link ended: the words of the close as the client reads them. */
export type EndCode =
  | 'conflict'
  | 'logged_out'
  | 'connection_lost'
  | 'restart_required'
  | 'service_unavailable'
  | 'ended_here'
  | 'process_gone';

export interface Link {
  readonly id: string;
  readonly session: string;
  readonly process: SimProcess;
  readonly openedAtMs: number;
  /** `silent`: nothing passes any more, and nobody was notified. */
  readonly state: 'open' | 'silent' | 'ended';
  /** Why it ended, once it has. */
  readonly endCode: EndCode | null;
  /** Round trip of a question. */
  latencyMs: number;
  /** Instant at which frames stopped. */
  readonly silentAtMs: number | null;
  /** The last frame that the process has seen. */
  lastFrameMs(): number;
  noteFrame(): void;
}

interface MutableLink extends Link {
  state: Link['state'];
  endCode: EndCode | null;
  silentAtMs: number | null;
}

/** Frames of a silent link: keep-alive answers and presence. */
const FRAME_EVERY_MS = 12_000;

export interface WhatsApp {
  login(session: string): 'paired' | 'logged_out';
  linkOf(session: string): Link | null;
  /** Opens a link a moment later: `opened`, or `refused` with a code. */
  open(params: {
    session: string;
    process: SimProcess;
    mode: string;
    tenure: string | null;
    /** Whether the client has given up meanwhile. */
    cancelled: () => boolean;
    onOpen: (link: Link) => void;
    onRefused: (code: EndCode) => void;
    onEnd: (link: Link) => void;
  }): void;
  /** The client ends its link. */
  endByClient(link: Link): void;
  endByServer(session: string, code: EndCode): boolean;
  goSilent(session: string): boolean;
  logOut(session: string): void;
  pair(session: string): void;
  /** A program outside of this world logs in with the same number. */
  openElsewhere(session: string): boolean;
  /** Everything that a process had ends with it. */
  processGone(process: SimProcess): void;
}

export function createWhatsApp(params: {
  timeline: Timeline;
  recorder: Recorder;
  draw: Draw;
  framesEveryMs?: number | undefined;
}): WhatsApp {
  const { timeline, recorder, draw, framesEveryMs = FRAME_EVERY_MS } = params;
  const links = new Map<string, MutableLink>();
  const onEnds = new Map<string, (link: Link) => void>();
  const loggedOut = new Set<string>();
  let count = 0;

  function makeLink(session: string, process: SimProcess): MutableLink {
    const openedAtMs = timeline.nowMs();
    let extraMs = openedAtMs;
    count += 1;
    const link: MutableLink = {
      id: `link-${count}`,
      session,
      process,
      openedAtMs,
      state: 'open',
      endCode: null,
      latencyMs: draw.between(30, 900),
      silentAtMs: null,
      // Computed when asked for: a timer a frame would be most of a world's steps.
      lastFrameMs() {
        const untilMs = link.silentAtMs ?? timeline.nowMs();
        let frameMs = openedAtMs + Math.floor((untilMs - openedAtMs) / framesEveryMs) * framesEveryMs;
        for (; frameMs > extraMs; frameMs -= framesEveryMs) {
          const seenMs = process.seenAtMs(frameMs);
          if (seenMs !== null) return Math.max(seenMs, extraMs);
        }
        return extraMs;
      },
      noteFrame() {
        extraMs = timeline.nowMs();
      },
    };
    return link;
  }

  function end(link: MutableLink, code: EndCode, emits: boolean): void {
    if (link.state === 'ended') return;
    const heard = link.state === 'open';
    link.silentAtMs ??= timeline.nowMs();
    link.state = 'ended';
    link.endCode = code;
    if (links.get(link.session) === link) links.delete(link.session);
    recorder.note({ actor: 'whatsapp', what: 'link', event: 'ended', session: link.session, link: link.id, why: code });
    const onEnd = onEnds.get(link.id);
    onEnds.delete(link.id);
    if (emits && heard && onEnd) timeline.after(draw.between(5, 80), () => link.process.deliver(() => onEnd(link)));
  }

  return {
    login: (session) => (loggedOut.has(session) ? 'logged_out' : 'paired'),
    linkOf: (session) => links.get(session) ?? null,
    open({ session, process, mode, tenure, cancelled, onOpen, onRefused, onEnd }) {
      timeline.after(draw.between(150, 1_500), () => {
        if (process.state === 'dead' || cancelled()) return;
        if (loggedOut.has(session)) return process.deliver(() => onRefused('logged_out'));
        const previous = links.get(session);
        if (previous) end(previous, 'conflict', true);
        const link = makeLink(session, process);
        links.set(session, link);
        onEnds.set(link.id, onEnd);
        recorder.note({ actor: process.name, what: 'link', event: 'open', session, link: link.id, mode, tenure });
        timeline.after(draw.between(5, 60), () => process.deliver(() => onOpen(link)));
      });
    },
    endByClient: (link) => end(link as MutableLink, 'ended_here', false),
    endByServer(session, code) {
      const link = links.get(session);
      if (link) end(link, code, true);
      return link !== undefined;
    },
    goSilent(session) {
      const link = links.get(session);
      if (link?.state !== 'open') return false;
      link.state = 'silent';
      link.silentAtMs = timeline.nowMs();
      recorder.note({ actor: 'whatsapp', what: 'link', event: 'silent', session, link: link.id });
      return true;
    },
    logOut(session) {
      loggedOut.add(session);
      const link = links.get(session);
      if (link) end(link, 'logged_out', true);
    },
    pair: (session) => void loggedOut.delete(session),
    openElsewhere(session) {
      const link = links.get(session);
      if (link) end(link, 'conflict', true);
      return link !== undefined;
    },
    processGone(process) {
      for (const link of [...links.values()]) if (link.process === process) end(link, 'process_gone', false);
    },
  };
}
