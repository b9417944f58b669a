export { type BaileysAuthStateOptions, createBaileysAuthState } from './auth/create-baileys-auth-state.js';
export {
  type ImportMultiFileAuthOptions,
  importMultiFileAuth,
  type MultiFileAuthImport,
} from './auth/import-multi-file-auth.js';
export { type MultiFileAuthOptions, multiFileAuth } from './auth/multi-file-auth.js';
export { type BaileysProviderOptions, baileysProvider, type SocketConfig } from './baileys-provider.js';
export type {
  AuthSource,
  AuthStateLike,
  BaileysAuthState,
  BaileysCreds,
  KeyPairLike,
  KeyStoreLike,
  SessionAuth,
  SignalDataLike,
} from './client/baileys-auth.js';
export type {
  BaileysEventsLike,
  BaileysMessageLike,
  BaileysSocketLike,
  BaileysWebSocketLike,
  ConnectionUpdateLike,
  MessagesUpsertLike,
} from './client/baileys-like.js';
export type { BaileysModuleLike, BaileysOption } from './client/baileys-module.js';
export type { ConversationOf, MessageOrigin } from './client/option-types.js';
export { CLOSE_REASONS, classifyClose, readCloseError } from './close/classify-close.js';
export type { CloseAction, CloseFacts, CloseReason } from './close/close-reasons.js';
export { type ObserveBaileysSocketOptions, observeBaileysSocket } from './observe-baileys-socket.js';
export { silenceLibsignal } from './patches/silence-logs.js';
