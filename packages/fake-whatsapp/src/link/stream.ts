import { hkdf, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Baileys } from '../baileys/load-baileys.js';
import type { BinaryNode } from '../wire/binary-node.js';
import { decodeNode } from '../wire/decode-node.js';
import { encodeNode } from '../wire/encode-node.js';
import { type TokenDictionary, tokenDictionary } from '../wire/token-dictionary.js';
import { createFrameReader, frame } from './frame-reader.js';
import { createNoiseServer, type NoiseIdentity, type NoiseServer } from './noise-server.js';

// A WebSocket header that promises 1,000 bytes of binary payload; the bytes never come.
const UNFINISHED_FRAME = Buffer.concat([Buffer.from([0x82, 0x7e, 0x03, 0xe8]), Buffer.alloc(16)]);
const DICTIONARY_BYTE = 3;
// Baileys imports the secret and then derives from it.
const KEY_STEPS = 2;
const POLICY_VIOLATION = 1008;
// RFC 6455: a control frame has 125 bytes, two of them are the code.
const MAX_REASON_BYTES = 123;

export type StreamLink = { ws: WebSocket; duplex: Duplex; tcp: Socket };

export type StreamHandlers = {
  /** The handshake is finished and the client has said who it is. */
  onLogin(payload: Buffer, clientStaticKey: Buffer): void;
  onNode(node: BinaryNode): void;
  /** Something arrived, whatever it was. */
  onFrame(): void;
  /** The client speaks something else than this protocol, or answers out of step. Called once. */
  onProtocolError(error: Error): void;
  /** The TCP connection is gone. Called once. */
  onClosed(): void;
};

/** One client's WebSocket with the Noise transport inside, and everything that can go wrong with it. */
export type Stream = {
  send(node: BinaryNode): void;
  /** Closes the WebSocket once everything sent so far has left. */
  closeWhenSent(code?: number, reason?: string): void;
  setReplyDelay(delayMs: number): void;
  goSilent(answerClose: boolean): void;
  resume(): void;
  sendGarbage(): void;
  fin(): void;
  rst(): void;
  rstMidFrame(): void;
  closeWebSocket(code?: number, reason?: string): void;
  /** Closes with these words, and does not wait for an answer. */
  refuse(reason: string): void;
  destroy(): void;
};

export type StreamOptions = {
  baileys: Pick<Baileys, 'proto'>;
  identity: NoiseIdentity;
  /** A login is answered so many milliseconds after its handshake, and nothing is read in between. */
  firstStanzaDelayMs: number;
};

export function createStream(link: StreamLink, options: StreamOptions, handlers: StreamHandlers): Stream {
  const { ws, duplex, tcp } = link;
  const reader = createFrameReader();
  const chunks: Uint8Array[] = [];
  const pending: (() => void)[] = [];
  const outbox: { dueAt: number; write: () => void }[] = [];
  let noise: NoiseServer | undefined;
  let dictionary: TokenDictionary | undefined;
  let handshakeDone = false;
  let keysTimer: NodeJS.Timeout | undefined;
  let failed = false;
  let silent = false;
  let delayMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  /** Reads what has arrived, in its order, as far as anything is read at the moment. */
  function readOn(): void {
    while (!silent && !keysTimer && !failed && !closed) {
      const next = pending.shift() ?? cutFrames(chunks.shift());
      if (!next) return;
      try {
        next();
      } catch (error) {
        failed = true;
        handlers.onProtocolError(error as Error);
      }
    }
  }

  function cutFrames(chunk: Uint8Array | undefined): (() => void) | undefined {
    return (
      chunk &&
      (() => {
        for (const received of reader.push(chunk)) {
          handlers.onFrame();
          pending.push(() => readFrame(received));
        }
      })
    );
  }

  function readFrame(received: Buffer): void {
    if (!noise) {
      dictionary = tokenDictionary(reader.waHeader![DICTIONARY_BYTE]!);
      noise = createNoiseServer(options.identity, reader.waHeader!, options.baileys);
      const hello = noise.answerHello(received);
      enqueue(() => ws.send(frame(hello)));
    } else if (!handshakeDone) {
      const { payload, clientStaticKey } = noise.readFinish(received);
      handshakeDone = true;
      // The whole login waits, and not its first stanza alone: whoever sees it on this side may break the link at
      // once.
      if (options.firstStanzaDelayMs > 0) keysTimer = setTimeout(() => passKeyMaking(), options.firstStanzaDelayMs);
      pending.unshift(() => handlers.onLogin(payload, clientStaticKey));
    } else {
      handlers.onNode(decodeNode(noise.decrypt(received), dictionary!));
    }
  }

  // A client in this process makes its keys in the same threads: on a busy machine ours come after its own.
  function passKeyMaking(left = KEY_STEPS): void {
    if (left > 0) {
      hkdf('sha256', '', '', '', 32, () => passKeyMaking(left - 1));
      return;
    }
    keysTimer = undefined;
    readOn();
  }

  function enqueue(write: () => void): void {
    outbox.push({ dueAt: Date.now() + delayMs, write });
    flushOutbox();
  }

  function flushOutbox(): void {
    clearTimeout(timer);
    while (outbox[0] && !silent && !closed) {
      const waitMs = outbox[0].dueAt - Date.now();
      if (waitMs > 0) {
        timer = setTimeout(flushOutbox, waitMs);
        return;
      }
      outbox.shift()!.write();
    }
  }

  ws.on('message', (data: Buffer) => {
    chunks.push(data);
    readOn();
  });
  // The close that follows says everything.
  ws.on('error', () => {});
  duplex.once('close', () => {
    closed = true;
    clearTimeout(timer);
    clearTimeout(keysTimer);
    handlers.onClosed();
  });

  return {
    send(node) {
      if (!handshakeDone) throw new Error('No stanza can be sent before the handshake is finished');
      // Encoded now, so that a stanza that cannot be written fails its caller and not a timer.
      const plaintext = encodeNode(node, dictionary!);
      enqueue(() => ws.send(frame(noise!.encrypt(plaintext))));
    },
    closeWhenSent(code, reason) {
      enqueue(() => ws.close(code, reason));
    },
    setReplyDelay(ms) {
      delayMs = ms;
    },
    goSilent(answerClose) {
      silent = true;
      if (!answerClose) ws.pause();
    },
    resume() {
      silent = false;
      ws.resume();
      readOn();
      flushOutbox();
    },
    sendGarbage() {
      ws.send(frame(randomBytes(64)));
    },
    fin() {
      duplex.end();
    },
    rst() {
      tcp.resetAndDestroy();
    },
    rstMidFrame() {
      duplex.write(UNFINISHED_FRAME, () => tcp.resetAndDestroy());
    },
    closeWebSocket(code, reason) {
      ws.close(code, reason);
    },
    refuse(reason) {
      ws.close(POLICY_VIOLATION, Buffer.from(reason).subarray(0, MAX_REASON_BYTES));
      duplex.end();
    },
    destroy() {
      ws.terminate();
      tcp.destroy();
    },
  };
}
