import type { BinaryNode } from '../wire/binary-node.js';
import type { IqFilter } from './connection-plan.js';

/** How far a connection has come, in the server's own view. `silent`: TCP is up, but no frame flows. */
export type ConnectionState = 'handshaking' | 'pairing' | 'online' | 'silent' | 'closed';

/** The content of a `<stream:error>`. */
export type StreamError = {
  /** The `code` attribute, for example `503` or `515`. */
  code?: number;
  /** Adds `<conflict type="…"/>`; `device_removed` goes out with code 401, `replaced` without a code. */
  conflict?: 'replaced' | 'device_removed';
  /** Any other child, by its tag, for example `xml-not-well-formed`. */
  child?: string;
};

/** Everything that can be done to one open link. */
export type LinkFaults = {
  /**
   * Stops answering while TCP stays up. Reads are paused too, so that not even the WebSocket close is answered;
   * with `answerClose` the reads go on and only the frames are ignored.
   */
  goSilent(options?: { answerClose?: boolean }): void;
  /** Ends the silence: what was held back on both sides is handled now. */
  resume(): void;
  /** Half-closes TCP without a WebSocket close. */
  fin(): void;
  /** Resets TCP. */
  rst(): void;
  /** Sends the beginning of a WebSocket frame, then resets TCP. */
  rstMidFrame(): void;
  /** Closes the WebSocket in good order. Default code: 1000. */
  closeWebSocket(code?: number, reason?: string): void;
  /** Sends `<stream:error>`, by its code or in full, then closes. */
  streamError(error: number | StreamError): void;
  /** Sends `<xmlstreamend>`, then closes. */
  xmlStreamEnd(): void;
  /** Sends a frame that no key decrypts. */
  sendGarbage(): void;
  /** Holds each frame to the client back for so many milliseconds, in order; 0 ends it. */
  delayReplies(delayMs: number): void;
  /** Leaves iqs unanswered from now on. */
  ignoreIqs(filter: IqFilter): void;
  /** Answers all iqs again; those that were ignored stay unanswered. */
  answerIqs(): void;
  /** Sends any stanza. */
  sendNode(node: BinaryNode): void;
};

/** One TCP connection of a client, logged in or not. */
export type Connection = LinkFaults & {
  /** Counts up from 1 for each server. */
  readonly id: number;
  readonly state: ConnectionState;
  /** Path and query of its HTTP upgrade: clients that are given different ones can be distinguished. */
  readonly path: string;
  /** Who is logged in here, or is logging in; undefined while unknown. */
  readonly jid: string | undefined;
  readonly openedAt: Date;
  readonly lastFrameAt: Date | undefined;
  /** The refs that a client shows as QR codes, one after the other; empty unless it is pairing. */
  readonly pairingRefs: readonly string[];
  /** True while it shows QR codes and one of them could be scanned. */
  readonly waitsForPairing: boolean;
};
