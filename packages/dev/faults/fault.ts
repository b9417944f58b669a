/** Which way bytes go, as the client sees it. */
export type Direction = 'to-server' | 'to-client';

interface Where {
  /** The way whose bytes are counted, and that is held or delayed. @defaultValue both, counted together */
  readonly direction?: Direction | undefined;
  /**
   * Bytes that still pass, counted from when the link got this fault; the cut may fall in the middle of an answer.
   * @defaultValue 0
   */
  readonly afterBytes?: number | undefined;
}

interface Passing {
  /** Milliseconds until it is over by itself. @defaultValue until `heal()` */
  readonly lastsMs?: number | undefined;
}

/** The link ends both ways with a FIN. */
export interface Cut extends Where {
  readonly kind: 'cut';
}

/** The link ends both ways with an RST. */
export interface Reset extends Where {
  readonly kind: 'reset';
}

/**
 * Nothing arrives any more, not even an end, and the link stays up. What was sent meanwhile arrives when it is over,
 * as TCP sends again what was lost: also what a client that gave up long ago had sent.
 */
export interface BlackHole extends Where, Passing {
  readonly kind: 'black-hole';
}

/** Everything arrives `delayMs` milliseconds later, in order. */
export interface Delay extends Where, Passing {
  readonly kind: 'delay';
  readonly delayMs: number;
}

/** What can happen to one TCP connection. */
export type LinkFault = Cut | Reset | BlackHole | Delay;

/** Says what happens next to a link; `null`: nothing more. `link` counts the connections from 1. */
export type FaultPlan = (link: number) => LinkFault | null;
