import { holdSessions, joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPostgresStore, type PostgresStore, prismaConversation } from '../src/index.js';
import { addConversations, CONVERSATIONS_BY_SESSION, conversationWords } from './host-conversations.js';
import { PRISMA_TABLES } from './host-table.js';
import { shiftStoreTime } from './store-harness.js';
import { useDatabase } from './use-database.js';

const CLIENTS = 16;
const ROUNDS = 100;
const unchangedForMs = 60_000;

const at = useDatabase();
let pool: pg.Pool;
let stores: PostgresStore[];

beforeEach(async () => {
  pool = at.database.pool;
  await pool.query(PRISMA_TABLES + CONVERSATIONS_BY_SESSION);
  const mirror = { conversations: prismaConversation() };
  stores = Array.from({ length: 4 }, () => createPostgresStore({ pool: at.database.connect({ max: 4 }), mirror }));
  const first = stores[0]!;
  const owner = await joinReplica(first);
  await holdSessions(first, owner, ['s']);
  await shiftStoreTime(pool, unchangedForMs + 1_000);
  await first.leases.beat(beatOf(owner));
});

describe(`${ROUNDS} repetitions with ${CLIENTS} clients`, () => {
  it('of which some close a conversation and others hear a message: it never closes over one', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = `c${round}`;
      await addConversations(pool, { [id]: 'ACTIVE' });
      const message = { conversationId: id, sessionId: 's', from: 'contact' as const };
      const say = (store: PostgresStore) => store.conversations.record({ messages: [{ ...message, at: new Date() }] });
      await say(stores[0]!);
      const moves = [{ id, sequence: 1, to: 'CLOSED' as const, outgoing: null }];
      const answers = await Promise.all(
        Array.from({ length: CLIENTS }, async (_, index) => {
          const store = stores[index % stores.length]!;
          if (index === (round * 7) % CLIENTS) {
            await say(store);
            return 0;
          }
          return (await store.conversations.move({ moves, unchangedForMs })).length;
        }),
      );
      const closed = answers.reduce((sum, count) => sum + count, 0);
      expect(closed).toBeLessThanOrEqual(1);
      const [row] = await stores[0]!.conversations.get({ ids: [id] });
      // Closed before the message, or not at all. One no newer than the last, by the millisecond, is history to a
      // closed conversation.
      const stands = row?.state === 'OPEN' && row.sequence === 2;
      const isHistory = closed === 1 && row?.state === 'CLOSED' && row.sequence === 1;
      expect(stands || isHistory).toBe(true);
      expect((await conversationWords(pool))[id]).toBe(closed === 1 ? 'FINISHED' : 'ACTIVE');
    }
  }, 120_000);
});
