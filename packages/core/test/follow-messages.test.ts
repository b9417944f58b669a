import { describe, expect, it } from 'vitest';
import type { RecordedMessage, WhatsAppConnection } from '../src/index.js';
import { WaSyncError } from '../src/index.js';
import { createWorld } from './world.js';

/** A connection whose messages a test reports. */
function talkingConnection(world: ReturnType<typeof createWorld>) {
  const connection: WhatsAppConnection = world.connection('a');
  let tell: (messages: readonly RecordedMessage[]) => Promise<void> = async () => {};
  return {
    connection: Object.assign(connection, {
      onMessages(listener: typeof tell) {
        tell = listener;
        return () => {};
      },
    }),
    hear: (...ids: string[]) =>
      tell(ids.map((conversationId) => ({ conversationId, sessionId: 'a', from: 'contact', at: world.clock.now() }))),
  };
}

async function start() {
  const world = createWorld();
  const { wa } = world.replica({ jobs: { sync: false, cleanup: false, inactivity: false } });
  await wa.start();
  const { connection, hear } = talkingConnection(world);
  await wa.attach(connection).ready;
  const recorded = async (...ids: string[]) => (await world.memory.conversations.get({ ids })).map(({ id }) => id);
  return { world, wa, hear, recorded };
}

describe('messages that connections hear', () => {
  it('are recorded', async () => {
    const { world, hear, recorded } = await start();
    await hear('one', 'two');
    await world.clock.advance(1);
    expect(await recorded('one', 'two')).toEqual(['one', 'two']);
  });

  it('wait for a store that does not answer, and are recorded once', async () => {
    const { world, hear, recorded } = await start();
    world.broken.calls.add('record');
    await hear('one', 'two');
    await world.clock.advance(20_000);
    expect(await recorded('one', 'two')).toEqual([]);
    await world.fix();
    await world.clock.advance(20_000);
    expect(await recorded('one', 'two')).toEqual(['one', 'two']);
    const rows = await world.memory.conversations.get({ ids: ['one', 'two'] });
    expect(rows.map(({ sequence }) => sequence)).toEqual([1, 1]);
    expect(world.logged.filter(({ fields }) => fields.code === 'messages_wait')).toHaveLength(1);
  });

  it('one that the store cannot take does not hold up the others', async () => {
    const { world, hear, recorded } = await start();
    const { conversations } = world.memory;
    const record = conversations.record.bind(conversations);
    conversations.record = async (params) => {
      if (params.messages.some(({ conversationId }) => conversationId === 'poison')) {
        throw new WaSyncError('store_failed', 'value too long');
      }
      return record(params);
    };
    const others = Array.from({ length: 30 }, (_, index) => `c${index}`);
    await hear(...others.slice(0, 11), 'poison', ...others.slice(11));
    await world.clock.advance(300_000);
    expect((await recorded(...others)).sort()).toEqual([...others].sort());
    expect(world.logged.filter(({ fields }) => fields.code === 'message_refused')).toHaveLength(1);
  });

  it('are bounded: the oldest go first, and that is said', async () => {
    const { world, hear, recorded } = await start();
    world.broken.calls.add('record');
    for (let part = 0; part < 21; part++) {
      await hear(...Array.from({ length: 1_000 }, (_, index) => `c${part}-${index}`));
    }
    await world.clock.advance(1_000);
    await world.fix();
    await world.clock.advance(600_000);
    expect(await recorded('c20-999', 'c5-5')).toHaveLength(2);
    expect(world.logged.some(({ fields }) => fields.code === 'messages_dropped' && Number(fields.dropped) > 0)).toBe(
      true,
    );
  });

  it('a stop waits for what was heard before', async () => {
    const { world, wa, hear, recorded } = await start();
    await hear('one');
    await world.during(wa.stop(), 2_000);
    expect(await recorded('one')).toEqual(['one']);
    await hear('two');
    expect(await recorded('two')).toEqual([]);
  });
});
