export type { MessageContent } from './baileys/baileys-members.js';
export type { Credentials, KeyPair, KeyRows, MemoryAuthState } from './baileys/credentials.js';
export { createMemoryAuthState } from './baileys/credentials.js';
export type { BaileysOption } from './baileys/load-baileys.js';
export type { RegistryExport } from './devices/device-registry.js';
export type { RootKey, Trust } from './link/certificate-chain.js';
export { generateRootKey } from './link/certificate-chain.js';
export type { ConnectionPlan, IqFilter, LoginFailure } from './link/connection-plan.js';
export type { Connection, ConnectionState, LinkFaults, StreamError } from './link/connection-view.js';
export type { Contact, Receipt, ReceivedMessage, SendOptions } from './messages/contact.js';
export type { CredentialOptions } from './pairing/create-credentials.js';
export type { PairOptions } from './pairing/pairing.js';
export type { FakeWhatsApp, FakeWhatsAppOptions } from './server/fake-whatsapp.js';
export type { InjectedFault, RandomFaultKind, RandomFaultOptions, RandomFaults } from './server/random-faults.js';
export { createRandomFaults, RANDOM_FAULT_KINDS } from './server/random-faults.js';
export { startFakeWhatsApp } from './server/start-fake-whatsapp.js';
export { trustFakeWhatsApp } from './server/trust.js';
export type {
  HistoryEntry,
  LoginPlan,
  MessagePolicy,
  Session,
  SessionEvent,
  SessionState,
} from './session/session-view.js';
export type { WaitOptions } from './session/waiter.js';
export type { BinaryNode } from './wire/binary-node.js';
