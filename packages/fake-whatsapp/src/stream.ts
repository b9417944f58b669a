import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type BinaryNode, decodeBinaryNode, encodeBinaryNode } from '@whiskeysockets/baileys';
import type { WebSocket } from 'ws';
import { createFrameReader, frame } from './frame-reader.js';
import { createNoiseServer, type NoiseIdentity, type NoiseServer } from './noise-server.js';

// A WebSocket header that promises 1,000 bytes of binary payload; the bytes never come.
const UNFINISHED_FRAME = Buffer.concat([Buffer.from([0x82, 0x7e, 0x03, 0xe8]), Buffer.alloc(16)]);

export type StreamLink = { ws: WebSocket; duplex: Duplex; tcp: Socket };

export type StreamHandlers = {
  /** The handshake is finished and the client has said who it is. */
  onLogin(payload: Buffer, clientStaticKey: Buffer): void;
  onNode(node: BinaryNode): void;
  /** Something arrived, whatever it was. */
  onFrame(): void;
  /** The client speaks something else than this protocol, or answers out of step. */
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
  destroy(): void;
};

export function createStream(link: StreamLink, identity: NoiseIdentity, handlers: StreamHandlers): Stream {
  const { ws, duplex, tcp } = link;
  const reader = createFrameReader();
  const heldInput: Uint8Array[] = [];
  const outbox: { dueAt: number; write: () => void }[] = [];
  let noise: NoiseServer | undefined;
  let handshakeDone = false;
  let decoding: Promise<void> = Promise.resolve();
  let silent = false;
  let delayMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function receive(chunk: Uint8Array): void {
    try {
      for (const received of reader.push(chunk)) {
        handlers.onFrame();
        readFrame(received);
      }
    } catch (error) {
      handlers.onProtocolError(error as Error);
    }
  }

  function readFrame(received: Buffer): void {
    if (!noise) {
      noise = createNoiseServer(identity, reader.waHeader!);
      const hello = noise.answerHello(received);
      enqueue(() => ws.send(frame(hello)));
    } else if (!handshakeDone) {
      const { payload, clientStaticKey } = noise.readFinish(received);
      handshakeDone = true;
      handlers.onLogin(payload, clientStaticKey);
    } else {
      const plaintext = noise.decrypt(received);
      decoding = decoding
        .then(() => decodeBinaryNode(plaintext))
        .then(handlers.onNode)
        .catch(handlers.onProtocolError);
    }
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
    if (silent) heldInput.push(data);
    else receive(data);
  });
  // The close that follows tells all there is to tell.
  ws.on('error', () => {});
  duplex.once('close', () => {
    closed = true;
    clearTimeout(timer);
    handlers.onClosed();
  });

  return {
    send(node) {
      enqueue(() => ws.send(frame(noise!.encrypt(encodeBinaryNode(node)))));
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
      for (const chunk of heldInput.splice(0)) receive(chunk);
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
    destroy() {
      ws.terminate();
      tcp.destroy();
    },
  };
}
