import { deflateSync } from 'node:zlib';
import { proto } from '@whiskeysockets/baileys';

/**
 * The message by which a phone hands its chats to a device it has just linked, here without any chat. Without it
 * Baileys holds all events back for 20 s after the first login.
 */
export function emptyHistoryMessage(): proto.IMessage {
  const syncType = proto.HistorySync.HistorySyncType.INITIAL_BOOTSTRAP;
  const history = proto.HistorySync.encode({ syncType, chunkOrder: 1, progress: 100 }).finish();
  return {
    protocolMessage: {
      type: proto.Message.ProtocolMessage.Type.HISTORY_SYNC_NOTIFICATION,
      historySyncNotification: {
        syncType,
        chunkOrder: 1,
        progress: 100,
        initialHistBootstrapInlinePayload: deflateSync(history),
      },
    },
  };
}
