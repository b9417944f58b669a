import type { ConversationsMirror, SessionsMirror } from '../driver/config.js';
import type { RowsWhere } from '../driver/rows-where.js';

/** How Prisma writes and reads `timestamp(3)`, whatever the zone of the process or of the server. */
const OF_PRISMA = 'UTC';

/**
 * A mapping for a Prisma table `WhatsAppSession` (id, sessionName, phoneNumber, status, qrCode, lastSeen, error,
 * active, updatedAt) whose enum has DISCONNECTED, CONNECTING, CONNECTED, QR_CODE and ERROR. `columns.timeZone` is
 * `'UTC'`.
 *
 * @param options.table - @defaultValue `'WhatsAppSession'`
 * @param options.id - column that holds wa-sync's session id, with a unique index of its own. @defaultValue `'id'`
 */
export function prismaWhatsAppSession(options: { table?: string; id?: string } = {}): SessionsMirror {
  return {
    table: options.table ?? 'WhatsAppSession',
    columns: {
      id: options.id ?? 'id',
      status: 'status',
      lastSeenAt: 'lastSeen',
      reason: 'error',
      phone: 'phoneNumber',
      qr: 'qrCode',
      active: 'active',
      updatedAt: 'updatedAt',
      timeZone: OF_PRISMA,
    },
  };
}

/**
 * A mapping for a Prisma table `Conversation` (id, status, finishedAt, updatedAt) whose enum has ACTIVE and FINISHED.
 * Rows with another word (PAUSED, ESCALATED) are left alone. `columns.timeZone` is `'UTC'`.
 *
 * @param options.table - @defaultValue `'Conversation'`
 * @param options.sessionId - column that holds the session id. @defaultValue none
 * @param options.session - the one session, where no column says it. @defaultValue none
 */
export function prismaConversation(
  options: { table?: string; sessionId?: string; session?: string } = {},
): ConversationsMirror {
  return {
    table: options.table ?? 'Conversation',
    columns: {
      id: 'id',
      status: 'status',
      closedAt: 'finishedAt',
      updatedAt: 'updatedAt',
      sessionId: options.sessionId,
      timeZone: OF_PRISMA,
    },
    open: ['ACTIVE'],
    closed: 'FINISHED',
    session: options.session,
  };
}

/**
 * A mapping for the table `Whatsapps` of whaticket, and of what was made from it; session ids are its whole numbers as
 * text.
 *
 * @param options.table - @defaultValue `'Whatsapps'`
 * @param options.where - which rows are WhatsApp's, where the table has a column for it, such as ticketz with
 *   `{ channel: 'whatsapp' }`. @defaultValue all rows
 * @param options.leaveAlone - words of its own while a login is under way. @defaultValue none
 */
export function whaticketWhatsapps(
  options: { table?: string; where?: RowsWhere; leaveAlone?: readonly string[] } = {},
): SessionsMirror {
  return {
    table: options.table ?? 'Whatsapps',
    columns: { id: 'id', status: 'status', qr: 'qrcode', updatedAt: 'updatedAt' },
    where: options.where,
    leaveAlone: options.leaveAlone,
    status: {
      CONNECTING: 'OPENING',
      QR_CODE: 'qrcode',
      RECONNECTING: 'OPENING',
      LOGGED_OUT: 'DISCONNECTED',
      REPLACED: 'DISCONNECTED',
      ERROR: 'DISCONNECTED',
    },
  };
}

/**
 * A mapping for the table `Tickets` of whaticket, and of what was made from it; conversation ids are its whole numbers
 * as text, and `whatsappId` is the session. A ticket of a group is left alone.
 *
 * @param options.table - @defaultValue `'Tickets'`
 * @param options.open - words of tickets that may be closed; `['open']` leaves alone what nobody has accepted yet.
 *   @defaultValue `['open', 'pending']`
 * @param options.where - further columns, such as `{ channel: 'whatsapp' }`. @defaultValue `{ isGroup: false }` alone
 */
export function whaticketTickets(
  options: { table?: string; open?: readonly string[]; where?: RowsWhere } = {},
): ConversationsMirror {
  return {
    table: options.table ?? 'Tickets',
    columns: { id: 'id', status: 'status', updatedAt: 'updatedAt', sessionId: 'whatsappId' },
    where: { isGroup: false, ...options.where },
    open: options.open ?? ['open', 'pending'],
    closed: 'closed',
  };
}

/**
 * A mapping for Evolution API's table `Instance`, which Prisma writes, so that `columns.timeZone` is `'UTC'`. Session
 * ids are its instance names.
 *
 * @param options.table - @defaultValue `'Instance'`
 * @param options.id - @defaultValue `'name'`
 */
export function evolutionInstance(options: { table?: string; id?: string } = {}): SessionsMirror {
  return {
    table: options.table ?? 'Instance',
    columns: {
      id: options.id ?? 'name',
      status: 'connectionStatus',
      phone: 'number',
      updatedAt: 'updatedAt',
      timeZone: OF_PRISMA,
    },
    status: {
      CONNECTING: 'connecting',
      QR_CODE: 'connecting',
      CONNECTED: 'open',
      RECONNECTING: 'connecting',
      DISCONNECTED: 'close',
      LOGGED_OUT: 'close',
      REPLACED: 'close',
      ERROR: 'close',
    },
  };
}
