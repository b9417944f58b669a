import type { BinaryNode } from '../wire/binary-node.js';
import { type ConnectionPlan, isUnanswered } from './connection-plan.js';
import type { Connection, StreamError } from './connection-view.js';
import { createStream, type StreamLink, type StreamOptions } from './stream.js';

/** What the server itself may do with a connection, on top of what a test may. */
export type ServerConnection = Connection & {
  readonly plan: ConnectionPlan;
  applyPlan(plan: ConnectionPlan): void;
  setStage(stage: 'handshaking' | 'pairing' | 'online'): void;
  setJid(jid: string): void;
  setPairingRefs(refs: readonly string[]): void;
  isIgnored(iq: BinaryNode): boolean;
  /** Sends a last stanza, then closes; the connection counts as closed at once. */
  sendLast(node: BinaryNode, detail: string): void;
  destroy(): void;
};

export type ConnectionHandlers = {
  onLogin(connection: ServerConnection, payload: Buffer, clientStaticKey: Buffer): void;
  onNode(connection: ServerConnection, node: BinaryNode): void;
  /** The state, or the time of the last frame, has changed; `event` where it is one for the history. */
  onChange(connection: ServerConnection, event?: ConnectionEvent, detail?: string): void;
  /** Milliseconds without a frame after which the connection is reset; undefined: never. */
  idleTimeoutMs?: number;
};

export type ConnectionEvent = 'silent' | 'resumed' | 'ended' | 'closed' | 'protocol-error';

export function createConnection(
  id: number,
  path: string,
  link: StreamLink,
  options: StreamOptions,
  firstPlan: ConnectionPlan,
  handlers: ConnectionHandlers,
): ServerConnection {
  const openedAt = new Date();
  let plan = firstPlan;
  let stage: 'handshaking' | 'pairing' | 'online' | 'ended' | 'closed' = 'handshaking';
  let silent = false;
  let jid: string | undefined;
  let lastFrameAt: Date | undefined;
  let pairingRefs: readonly string[] = [];

  let idleTimer: NodeJS.Timeout | undefined;

  function restartIdleTimer(): void {
    clearTimeout(idleTimer);
    if (handlers.idleTimeoutMs === undefined) return;
    idleTimer = setTimeout(() => {
      // In a silence of our own making it is not the client who says nothing.
      if (silent || stage === 'ended') return;
      end(`nothing came for ${handlers.idleTimeoutMs} ms`);
      stream.rst();
    }, handlers.idleTimeoutMs);
  }

  const stream = createStream(link, options, {
    onLogin: (payload, clientStaticKey) => handlers.onLogin(connection, payload, clientStaticKey),
    onNode: (node) => handlers.onNode(connection, node),
    onFrame() {
      lastFrameAt = new Date();
      restartIdleTimer();
      handlers.onChange(connection);
    },
    onProtocolError(error) {
      handlers.onChange(connection, 'protocol-error', error.message);
      if (jid === undefined && stage === 'handshaking') stream.refuse(error.message);
      else stream.destroy();
    },
    onClosed() {
      clearTimeout(idleTimer);
      stage = 'closed';
      handlers.onChange(connection, 'closed');
    },
  });

  function end(detail: string): void {
    if (stage === 'closed' || stage === 'ended') return;
    stage = 'ended';
    handlers.onChange(connection, 'ended', detail);
  }

  function assertUsable(fault: string): void {
    if (stage === 'closed' || stage === 'ended') throw new Error(`${fault}: connection ${id} is closed already`);
    if (silent) throw new Error(`${fault}: connection ${id} is silent, nothing leaves it before resume()`);
  }

  const connection: ServerConnection = {
    id,
    path,
    openedAt,
    get state() {
      if (stage === 'closed' || stage === 'ended') return 'closed';
      return silent ? 'silent' : stage;
    },
    get jid() {
      return jid;
    },
    get lastFrameAt() {
      return lastFrameAt;
    },
    get pairingRefs() {
      return pairingRefs;
    },
    get waitsForPairing() {
      return stage === 'pairing' && !silent;
    },
    get plan() {
      return plan;
    },

    goSilent(options = {}) {
      if (silent || stage === 'closed') return;
      silent = true;
      stream.goSilent(options.answerClose ?? false);
      handlers.onChange(connection, 'silent', options.answerClose ? 'close answered' : 'reads paused');
    },
    resume() {
      if (!silent || stage === 'closed') return;
      silent = false;
      restartIdleTimer();
      handlers.onChange(connection, 'resumed');
      stream.resume();
    },
    fin() {
      end('fin');
      stream.fin();
    },
    rst() {
      end('rst');
      stream.rst();
    },
    rstMidFrame() {
      end('rst in the middle of a frame');
      stream.rstMidFrame();
    },
    closeWebSocket(code = 1000, reason) {
      end(`websocket close ${code}`);
      stream.closeWebSocket(code, reason);
    },
    streamError(error) {
      assertUsable('streamError');
      const node = streamErrorNode(typeof error === 'number' ? { code: error } : error);
      connection.sendLast(node, `stream:error ${JSON.stringify(error)}`);
    },
    xmlStreamEnd() {
      assertUsable('xmlStreamEnd');
      connection.sendLast({ tag: 'xmlstreamend', attrs: {} }, 'xmlstreamend');
    },
    sendGarbage() {
      assertUsable('sendGarbage');
      stream.sendGarbage();
    },
    delayReplies(delayMs) {
      stream.setReplyDelay(delayMs);
    },
    ignoreIqs(filter) {
      plan = { ...plan, unansweredIqs: filter };
    },
    answerIqs() {
      plan = { ...plan, unansweredIqs: undefined };
    },
    sendNode(node) {
      if (stage !== 'closed' && stage !== 'ended') stream.send(node);
    },

    applyPlan(next) {
      plan = { ...plan, ...next };
      stream.setReplyDelay(plan.replyDelayMs ?? 0);
    },
    setStage(next) {
      stage = next;
      handlers.onChange(connection);
    },
    setJid(next) {
      jid = next;
    },
    setPairingRefs(refs) {
      pairingRefs = refs;
    },
    isIgnored(iq) {
      return isUnanswered(plan.unansweredIqs, iq);
    },
    sendLast(node, detail) {
      stream.send(node);
      stream.closeWhenSent();
      end(detail);
    },
    destroy: stream.destroy,
  };

  restartIdleTimer();
  if (plan.replyDelayMs) stream.setReplyDelay(plan.replyDelayMs);
  return connection;
}

function streamErrorNode(error: StreamError): BinaryNode {
  const code = error.code ?? (error.conflict === 'device_removed' ? 401 : undefined);
  const content: BinaryNode[] = [];
  if (error.conflict) content.push({ tag: 'conflict', attrs: { type: error.conflict } });
  if (error.child) content.push({ tag: error.child, attrs: {} });
  return { tag: 'stream:error', attrs: code === undefined ? {} : { code: String(code) }, content };
}
