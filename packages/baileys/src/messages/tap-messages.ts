import type { BaileysMessageLike, BaileysSocketLike, MessagesUpsertLike } from '../client/baileys-like.js';

export type MessageType = MessagesUpsertLike['type'];
export type OnMessages = (messages: readonly BaileysMessageLike[], type: MessageType) => void;

/**
 * Hears every message of a socket once, at the moment at which the host's own listeners hear it.
 *
 * Baileys holds events back during a login and throws away what it holds when the socket ends, although WhatsApp has
 * the receipt of those messages. So what goes into its buffer is noted, and what never came out of it is handed on at
 * the end; so is what a handler that was at work during the end emits too late.
 */
export function tapMessages(params: { socket: Pick<BaileysSocketLike, 'ev'>; onMessages: OnMessages }) {
  const { socket, onMessages } = params;
  const { ev } = socket;
  const hub = ev as { emit?: (event: string, ...data: unknown[]) => unknown };
  const original = hub.emit;
  const inBuffer = new Map<string, { message: BaileysMessageLike; type: MessageType }>();
  let state: 'live' | 'ended' | 'released' = 'live';

  function onEmitted(event: string, data: unknown): void {
    if (event !== 'messages.upsert' || state === 'released') return;
    const { messages, type } = data as MessagesUpsertLike;
    if (state === 'ended') onMessages(messages, type);
    else for (const message of messages) inBuffer.set(keyOf(message), { message, type });
  }

  function onUpsert({ messages, type }: MessagesUpsertLike): void {
    for (const message of messages) inBuffer.delete(keyOf(message));
    onMessages(messages, type);
  }

  /** A live message that is part of the history too comes out with the history only. */
  function onHistory({ messages }: { readonly messages: readonly BaileysMessageLike[] }): void {
    for (const { key } of messages) {
      const live = inBuffer.get(keyOf({ key }));
      if (!live) continue;
      inBuffer.delete(keyOf({ key }));
      onMessages([live.message], live.type);
    }
  }

  const emit = (event: string, ...data: unknown[]): unknown => {
    onEmitted(event, data[0]);
    return original?.call(hub, event, ...data);
  };
  if (original) hub.emit = emit;
  ev.on('messages.upsert', onUpsert);
  ev.on('messaging-history.set', onHistory);

  function stopListening(): void {
    ev.off('messages.upsert', onUpsert);
    ev.off('messaging-history.set', onHistory);
  }

  return {
    /** The socket has ended: hands on what its buffer still held, and from now on what is emitted too late. */
    end(): void {
      if (state !== 'live') return;
      state = 'ended';
      stopListening();
      for (const { message, type } of inBuffer.values()) onMessages([message], type);
      inBuffer.clear();
    },
    /** Restores the socket as it was. */
    release(): void {
      if (state === 'released') return;
      state = 'released';
      stopListening();
      inBuffer.clear();
      if (original && hub.emit === emit) hub.emit = original;
    },
  };
}

function keyOf({ key }: Pick<BaileysMessageLike, 'key'>): string {
  return `${key?.remoteJid}|${key?.id}|${key?.fromMe ? 1 : 0}|${key?.participant ?? ''}`;
}
