import type { Clock, SendAnswer } from '@wa-sync/core';
import type { BaileysSocketLike } from '../client/baileys-like.js';
import { readCloseError } from '../close/classify-close.js';
import type { WhenClosed } from '../close/close-moment.js';

type Outcome = SendAnswer | 'has_reader';

/**
 * Sends a text under a fixed id and returns what WhatsApp says of it. Baileys' own `sendMessage` resolves once the
 * socket was written to, also on a dead one and where nobody can read, so: ask for the recipient's devices first,
 * listen for the acknowledgement before sending, and believe nothing else.
 *
 * @param params.whenClosed - the result of a send under way is then unknown
 */
export async function sendText(params: {
  socket: BaileysSocketLike;
  clock: Clock;
  whenClosed: WhenClosed;
  chat: string;
  text: string;
  messageId: string;
  timeoutMs: number;
}): Promise<SendAnswer> {
  const { socket, clock, whenClosed, chat, text, messageId, timeoutMs } = params;
  const { sendMessage } = socket;
  if (!sendMessage) return 'failed';
  let stopTimer = () => {};
  let stopWaiting = () => {};
  const over = new Promise<'too_late' | 'closed'>((resolve) => {
    stopTimer = clock.schedule(() => resolve('too_late'), timeoutMs);
    stopWaiting = whenClosed(() => resolve('closed'));
  });
  const answer = listenForAnswer(socket, messageId);
  try {
    // Nothing has left while this is asked, so without an answer the result is `failed` and not `unknown`.
    const found = await Promise.race([findReader(socket, chat), over]);
    if (found !== 'has_reader') return 'failed';
    const refused = sendMessage.call(socket, chat, { text, linkPreview: null }, { messageId }).then(
      () => new Promise<never>(() => {}),
      (error: unknown) => fateOf(error, socket),
    );
    const known = await Promise.race([answer.said, refused, over]);
    return known === 'sent' || known === 'failed' ? known : 'unknown';
  } finally {
    stopTimer();
    stopWaiting();
    answer.stop();
  }
}

/** Whether any device can read what is sent there. Baileys itself sends to nobody without an error. */
async function findReader(socket: BaileysSocketLike, chat: string): Promise<Outcome> {
  if (!socket.getUSyncDevices || !/@(s\.whatsapp\.net|lid|hosted|hosted\.lid|c\.us)$/.test(chat)) return 'has_reader';
  try {
    const devices = await socket.getUSyncDevices([chat], true, false);
    return devices.length > 0 ? 'has_reader' : 'failed';
  } catch {
    return 'failed';
  }
}

/** An error while the socket stands comes before the stanza is written; after that only the socket can fail. */
function fateOf(error: unknown, socket: BaileysSocketLike): SendAnswer {
  if (typeof error === 'number' || readCloseError(error).code === 408) return 'unknown';
  return socket.ws.isOpen ? 'failed' : 'unknown';
}

/**
 * The first stanza that decides what became of a message: its acknowledgement, or the receipt of a device that has it.
 */
function listenForAnswer(socket: BaileysSocketLike, messageId: string) {
  const event = `TAG:${messageId}`;
  let stop = () => {};
  const said = new Promise<SendAnswer>((resolve) => {
    const onStanza = (node: unknown) => {
      const { tag, attrs } = (node ?? {}) as { tag?: unknown; attrs?: { error?: unknown; type?: unknown } };
      if (tag === 'ack') resolve(attrs?.error === undefined ? 'sent' : 'failed');
      // A retry receipt is from a device that could not read it.
      else if (tag === 'receipt' && attrs?.type !== 'retry' && attrs?.type !== 'error') resolve('sent');
    };
    socket.ws.on(event, onStanza);
    stop = () => void socket.ws.off(event, onStanza);
  });
  return { said, stop };
}
