import type { RequestListener } from 'node:http';
import type { Agent } from 'node:https';
import type { Credentials } from '../baileys/credentials.js';
import type { BaileysOption } from '../baileys/load-baileys.js';
import type { RegistryExport } from '../devices/device-registry.js';
import type { RootKey, Trust } from '../link/certificate-chain.js';
import type { ConnectionPlan } from '../link/connection-plan.js';
import type { Connection } from '../link/connection-view.js';
import type { Contact } from '../messages/contact.js';
import type { CredentialOptions } from '../pairing/create-credentials.js';
import type { PairOptions } from '../pairing/pairing.js';
import type { HistoryEntry, Session } from '../session/session-view.js';
import type { WaitOptions } from '../session/waiter.js';
import type { BinaryNode } from '../wire/binary-node.js';

export type FakeWhatsAppOptions = {
  /** Port on 127.0.0.1. Default: 0, the system chooses. */
  port?: number;
  /**
   * The Baileys that the server calls and that shall believe it: the module, or a function that returns it. Default:
   * `@whiskeysockets/baileys`, else `baileys`.
   */
  baileys?: BaileysOption;
  /** Makes Baileys in this process believe the server, until `close()`. Default: true. */
  installCertificate?: boolean;
  /** Signs the server's certificate. Default: one key for the whole process. */
  rootKey?: RootKey;
  /** What to do with a device the server does not know: `refuse` with failure 401 (default), or `accept`. */
  unknownDevices?: 'refuse' | 'accept';
  /**
   * `truthful` (default) counts the prekeys that a device really uploaded, so the first login after a pairing
   * uploads 812; `plenty` claims a full stock and saves that work. Messages can be encrypted either way.
   */
  preKeys?: 'truthful' | 'plenty';
  /** How many QR codes a client gets before it gives up. Default: 6. */
  qrRefs?: number;
  /** Resets connections from which no frame came for so many milliseconds, silent ones apart. Default: never. */
  idleTimeoutMs?: number;
  /** Whether a phone number has an account; digits only. Default: every number has. */
  isOnWhatsApp?: (phone: string) => boolean;
  /**
   * Milliseconds between the end of a client's handshake and the server's answer to its login. Baileys 6.7 makes its
   * keys asynchronously and cannot read a stanza that comes at once. Default: 30.
   */
  firstStanzaDelayMs?: number;
  /** Called with what went wrong outside of any session. Default: a warning of the process. */
  onWarning?: (line: string) => void;
  /** What goes wrong with every connection. Default: nothing. */
  plan?: ConnectionPlan;
  /** Accounts and devices known from an earlier run. */
  registry?: RegistryExport;
  /** Answers plain HTTP requests on the same port, for a test's own needs. Default: 426 to each. */
  onRequest?: RequestListener;
  /** Serves `wss`: with a certificate of its own (`true`), or with the key and certificate given. Default: `ws`. */
  tls?: true | { key: string; cert: string };
};

export type FakeWhatsApp = {
  /** For Baileys' `waWebSocketUrl`. */
  readonly url: string;
  readonly port: number;
  /** What another process passes to `trustFakeWhatsApp`. */
  readonly trust: Trust;
  /** What another server takes as `rootKey`, so that one client believes both. */
  readonly rootKey: RootKey;
  /** What to spread into `makeWASocket`; with `tls`, an agent that accepts the certificate is part of it. */
  socketConfig(): { waWebSocketUrl: string; agent?: Agent };
  /**
   * Makes Baileys in this process believe the server; done by `startFakeWhatsApp` unless its options say otherwise.
   */
  installCertificate(): () => void;

  /** A device by its jid, its LID, or its phone number (the device linked last). Throws where there is none. */
  session(jidOrPhone: string): Session;
  /** All devices the server has ever linked. */
  sessions(): Session[];
  /** The jids that are connected right now. */
  connected(): string[];
  /** All connections whose TCP is up, logged in or not, oldest first. */
  connections(): Connection[];
  /** Number of TCP connections accepted so far. */
  readonly accepted: number;
  /** Number of HTTP upgrades refused so far. */
  readonly refused: number;

  /** Resolves with the first session for which the predicate holds, now or later. */
  waitFor(predicate: (session: Session) => boolean, options?: WaitOptions): Promise<Session>;
  /** Resolves with the first connection for which the predicate holds, now or later. */
  waitForConnection(predicate: (connection: Connection) => boolean, options?: WaitOptions): Promise<Connection>;

  /** Credentials of a device that was linked earlier; the server knows it. */
  createCredentials(options: CredentialOptions): Credentials;
  /** The phone scans the QR code that a client shows. Resolves once the client is linked and was sent its 515. */
  pair(qr: string, options: PairOptions): Promise<Session>;

  /**
   * Somebody types on the phone the code that a client got from `requestPairingCode`. Waits for the client to ask,
   * rejects where the code is a wrong one, resolves like `pair`.
   */
  enterPairingCode(code: string, options: PairOptions): Promise<Session>;
  /** A simulated person, made when first asked for. Of the phone of a linked device: the owner of that device. */
  contact(phone: string, name?: string): Contact;

  /** What goes wrong with the next connections, before it is known whose they are. Default: with one. */
  planNextConnection(plan: ConnectionPlan, options?: { times?: number }): void;
  /** Forgets what was planned for connections to come. */
  clearPlans(): void;
  /** Refuses TCP connections from now on; open ones stay. */
  stopListening(): Promise<void>;
  /** Accepts again, on the same port. */
  startListening(): Promise<void>;
  /** Called with each stanza of a logged-in client. Returns a function that ends it. */
  onStanza(listener: (session: Session, node: BinaryNode) => void): () => void;

  /** Called with each entry of a session's history as it is made. Returns a function that ends it. */
  onEvent(listener: (session: Session, entry: HistoryEntry) => void): () => void;

  /** Accounts and devices, for a server that takes over after this one. */
  exportRegistry(): RegistryExport;
  importRegistry(registry: RegistryExport): void;
  /** Destroys all connections, frees the port and puts WhatsApp's certificate back. */
  close(): Promise<void>;
};
