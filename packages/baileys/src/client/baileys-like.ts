/** What Baileys reports with `connection.update`, as far as it is read here. */
export interface ConnectionUpdateLike {
  readonly connection?: 'connecting' | 'open' | 'close' | undefined;
  readonly qr?: string | undefined;
  readonly isNewLogin?: boolean | undefined;
  readonly lastDisconnect?: { readonly error?: unknown } | undefined;
}

/** A message as Baileys gives it, as far as it is read here. */
export interface BaileysMessageLike {
  readonly key: {
    readonly remoteJid?: string | null | undefined;
    readonly remoteJidAlt?: string | null | undefined;
    readonly fromMe?: boolean | null | undefined;
    readonly id?: string | null | undefined;
    readonly participant?: string | null | undefined;
  };
  readonly message?:
    | (object & {
        readonly conversation?: string | null | undefined;
        readonly extendedTextMessage?: { readonly text?: string | null | undefined } | null | undefined;
      })
    | null
    | undefined;
  /** The name that the sender gave itself. */
  readonly pushName?: string | null | undefined;
  readonly messageTimestamp?: unknown;
  readonly messageStubType?: unknown;
  readonly category?: unknown;
}

/** `notify`: it arrives now. `append`: delivered late, or sent by this very socket. */
export interface MessagesUpsertLike {
  readonly messages: readonly BaileysMessageLike[];
  readonly type: 'notify' | 'append';
}

/** Baileys' event hub, as far as it is used here. */
export interface BaileysEventsLike {
  on(event: 'connection.update', listener: (update: ConnectionUpdateLike) => void): unknown;
  on(event: 'creds.update', listener: () => void): unknown;
  on(event: 'messages.upsert', listener: (upsert: MessagesUpsertLike) => void): unknown;
  on(
    event: 'messaging-history.set',
    listener: (history: { readonly messages: readonly BaileysMessageLike[] }) => void,
  ): unknown;
  off(event: 'connection.update', listener: (update: ConnectionUpdateLike) => void): unknown;
  off(event: 'messages.upsert', listener: (upsert: MessagesUpsertLike) => void): unknown;
  off(
    event: 'messaging-history.set',
    listener: (history: { readonly messages: readonly BaileysMessageLike[] }) => void,
  ): unknown;
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
  /** Absent in emitters that are not Node's. */
  rawListeners?(event: string): unknown[];
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
  /** Absent in forks that cannot send. */
  sendMessage?(
    chat: string,
    content: { text: string; linkPreview: null },
    options: { messageId: string },
  ): Promise<unknown>;
  /** Asks which devices an account has; absent in old forks. */
  getUSyncDevices?(jids: string[], useCache: boolean, ignoreZeroDevices: boolean): Promise<readonly unknown[]>;
  /** Asks for a code that is typed in on the phone. */
  requestPairingCode?(phone: string): Promise<string>;
  /** Unlinks the device at WhatsApp and ends the socket. */
  logout?(): Promise<unknown>;
  /** Where Baileys keeps which phone number belongs to which LID; absent in old forks. */
  readonly signalRepository?:
    | {
        readonly lidMapping?:
          | { getPNForLID(lid: string): Promise<string | null>; getLIDForPN(pn: string): Promise<string | null> }
          | undefined;
      }
    | undefined;
  /** Runs before the close event and before Baileys throws its buffer away; absent in old forks. */
  registerSocketEndHandler?(handler: (error: Error | undefined) => void | Promise<void>): unknown;
}

/**
 * Whether credentials belong to a linked device: the account signed them and the jid names a device. `registered`
 * stays false after pairing by QR code, and a pairing code sets `me` before anything is linked.
 */
export function isPaired(creds: unknown): boolean {
  if (typeof creds !== 'object' || creds === null) return false;
  const { account, me } = creds as { account?: unknown; me?: { id?: unknown } };
  return Boolean(account) && typeof me?.id === 'string' && me.id.includes(':');
}

/** Digits of the number that a linked socket stands for; `null` before it is linked. */
export function phoneOf(socket: BaileysSocketLike): string | null {
  return phoneIn(socket.user?.id);
}

/** Digits of the number in the jid of a device. */
export function phoneIn(jid: string | undefined): string | null {
  const match = jid === undefined ? null : /^(\d+):\d+@/.exec(jid);
  return match?.[1] ?? null;
}

/** A socket that was attached late gets this long to leave a handshake that nobody saw. */
export const HANDSHAKE_GRACE_MS = 1_000;
const HANDSHAKE_MS = 20_000;
/**
 * Baileys holds events back from login to the end of the backlog, at most 30 s; no login is believed to be over
 * before.
 */
const BUFFER_MS = 35_000;

/**
 * Marks the listeners of wa-sync, so that one observation does not mistake another's listeners for those of Baileys.
 */
export const OURS = Symbol.for('@wa-sync/frame-listener');

/**
 * Whether a socket whose first events nobody heard may be in its Noise handshake, which a query corrupts. Baileys
 * listens for frames itself only while it waits for the server's hello.
 *
 * @param params.ageMs - time since somebody listens
 */
export function handshakeMayRun({ socket, ageMs }: { socket: BaileysSocketLike; ageMs: number }): boolean {
  if (ageMs < HANDSHAKE_GRACE_MS) return true;
  return ageMs < HANDSHAKE_MS && socket.ws.listeners('frame').some((listener) => !isOurs(listener));
}

/**
 * Whether the login of such a socket may be over. An answered ping proves nothing: a socket in the middle of a login
 * gets its pings answered too.
 */
export function loginMayBeOver({ socket, ageMs }: { socket: BaileysSocketLike; ageMs: number }): boolean {
  const creds = socket.authState?.creds;
  if (creds !== undefined && !isPaired(creds)) return false;
  return ageMs >= BUFFER_MS || !socket.ev.isBuffering?.();
}

function isOurs(listener: unknown): boolean {
  return (listener as { [OURS]?: true })[OURS] === true;
}
