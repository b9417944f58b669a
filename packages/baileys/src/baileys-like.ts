/** What Baileys tells with `connection.update`, as far as it is read here. */
export interface ConnectionUpdateLike {
  readonly connection?: 'connecting' | 'open' | 'close' | undefined;
  readonly qr?: string | undefined;
  readonly isNewLogin?: boolean | undefined;
  readonly lastDisconnect?: { readonly error?: unknown } | undefined;
}

/** Baileys' event hub, as far as it is used here. */
export interface BaileysEventsLike {
  on(event: 'connection.update', listener: (update: ConnectionUpdateLike) => void): unknown;
  on(event: 'creds.update', listener: () => void): unknown;
  off(event: 'connection.update', listener: (update: ConnectionUpdateLike) => void): unknown;
  /** Emits what was held back; absent in old forks. */
  flush?(): unknown;
  isBuffering?(): boolean;
}

type Listener = (...args: unknown[]) => void;

/** Baileys' wrapper around the WebSocket: a Node event emitter. */
export interface BaileysWebSocketLike {
  on(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
  emit(event: string, ...args: unknown[]): unknown;
  listeners(event: string): unknown[];
  listenerCount(event: string): number;
  eventNames(): (string | symbol)[];
  readonly isOpen: boolean;
  readonly isClosed: boolean;
  readonly isClosing: boolean;
  readonly isConnecting: boolean;
}

/**
 * A Baileys socket, or that of a fork: only what wa-sync uses, so that `makeWASocket()` of any of them fits.
 */
export interface BaileysSocketLike {
  readonly ev: BaileysEventsLike;
  readonly ws: BaileysWebSocketLike;
  readonly user?: { readonly id?: string | undefined } | undefined;
  readonly authState?: { readonly creds?: unknown } | undefined;
  query(node: object, timeoutMs?: number): Promise<unknown>;
  end(error: Error | undefined): unknown;
  /** Runs before the close event and before Baileys throws its buffer away; absent in old forks. */
  registerSocketEndHandler?(handler: (error: Error | undefined) => void | Promise<void>): unknown;
}

/**
 * Whether credentials belong to a linked device: the account signed them and the jid names a device. `registered` stays false
 * after pairing by QR code, and a pairing code sets `me` before anything is linked.
 */
export function isPaired(creds: unknown): boolean {
  if (typeof creds !== 'object' || creds === null) return false;
  const { account, me } = creds as { account?: unknown; me?: { id?: unknown } };
  return Boolean(account) && typeof me?.id === 'string' && me.id.includes(':');
}

/** Digits of the number that a linked socket stands for; `null` before it is linked. */
export function phoneOf(socket: BaileysSocketLike): string | null {
  const id = socket.user?.id;
  const match = id === undefined ? null : /^(\d+):\d+@/.exec(id);
  return match?.[1] ?? null;
}
