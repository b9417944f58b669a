export type { AuthSource, SessionAuth } from './auth-source.js';
export type {
  AuthStateLike,
  BaileysAuthState,
  BaileysCreds,
  KeyPairLike,
  KeyStoreLike,
  SignalDataLike,
} from './baileys-auth.js';
export type {
  BaileysEventsLike,
  BaileysMessageLike,
  BaileysSocketLike,
  BaileysWebSocketLike,
  ConnectionUpdateLike,
  MessagesUpsertLike,
} from './baileys-like.js';
export type { BaileysModuleLike, BaileysOption } from './baileys-module.js';
export { type BaileysProviderOptions, baileysProvider, type SocketConfig } from './baileys-provider.js';
export { CLOSE_REASONS, classifyClose } from './classify-close.js';
export type { CloseAction, CloseFacts, CloseReason } from './close-reasons.js';
export { type BaileysAuthStateOptions, createBaileysAuthState } from './create-baileys-auth-state.js';
export {
  type ImportMultiFileAuthOptions,
  importMultiFileAuth,
  type MultiFileAuthImport,
} from './import-multi-file-auth.js';
export type { ConversationOf, MessageOrigin } from './message-feed.js';
export { type MultiFileAuthOptions, multiFileAuth } from './multi-file-auth.js';
export { type ObserveBaileysSocketOptions, observeBaileysSocket } from './observe-baileys-socket.js';
export { readCloseError } from './read-close-error.js';
export { silenceLibsignal } from './silence-libsignal.js';
