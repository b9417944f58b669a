import { deflateSync } from 'node:zlib';
import type { Baileys } from './baileys/load-baileys.js';

const HISTORY_SYNC_NOTIFICATION = 5;
const INITIAL_BOOTSTRAP = 0;

/**
 * The message by which a phone hands its chats to a device it has just linked, here without any chat. Without it
 * Baileys holds all events back for 20 s after the first login.
 */
export function emptyHistoryMessage({ proto }: Baileys): object {
  const syncType = INITIAL_BOOTSTRAP;
  const history = proto.HistorySync.encode({ syncType, chunkOrder: 1, progress: 100 }).finish();
  return {
    protocolMessage: {
      type: HISTORY_SYNC_NOTIFICATION,
      historySyncNotification: {
        syncType,
        chunkOrder: 1,
        progress: 100,
        initialHistBootstrapInlinePayload: deflateSync(history),
      },
    },
  };
}
