import type { ConversationRecord, InactivityOptions, RecordedMessage, WaSyncOptions } from '../src/index.js';
import { createWorld } from './world.js';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
/** Inactive for longer than the hour that {@link talking} allows. */
export const TOO_LONG = HOUR + MINUTE;
export const off = { jobs: { sync: false, cleanup: false, inactivity: false } } as const;
export const farewell = 'Encerramos por inatividade.';

/** A replica that holds one session `s`, connected for two hours, and closes what is inactive for an hour. */
export async function talking(
  inactivity: InactivityOptions = {},
  options: Partial<WaSyncOptions> = {},
  startAt?: Date,
) {
  const world = createWorld(startAt === undefined ? {} : { startAt });
  const { wa, events } = world.replica({
    ...off,
    replicaId: 'one',
    inactivity: { inactiveAfterMs: HOUR, farewell, ...inactivity },
    ...options,
  });
  await world.during(wa.start(), 0);
  const socket = world.connection('s');
  await world.during(wa.attach(socket).ready, 0);
  const say = (id = 'c', message: Partial<RecordedMessage> = {}) =>
    wa.recordMessage({
      conversationId: id,
      sessionId: 's',
      from: 'contact',
      at: world.clock.now(),
      chat: `${id}@s.whatsapp.net`,
      ...message,
    });
  const read = async (id = 'c'): Promise<ConversationRecord> => {
    const [found] = await world.memory.conversations.get({ ids: [id] });
    if (!found) throw new Error(`No conversation ${id}`);
    return found;
  };
  /** Lets time go by, and keeps the link alive all the while. */
  const inactive = async (ms: number) => {
    await world.clock.advance(ms);
  };
  const check = (params?: { dryRun?: boolean }) => world.during(wa.checkInactiveConversations(params), 0);
  const told = (name: string) => events.filter((event) => event.name === name).map(({ payload }) => payload);
  return { ...world, wa, events, socket, say, read, inactive, check, told };
}
