import { expect, it } from 'vitest';
import { loggableError } from '../src/index.js';
import { running } from './running.js';
import { createWorld } from './world.js';

const HOSTILE = ': row of 5511999991234\n\u001b[2J\u202e';
const PLAIN = ': row of …1234\\n\\u001b[2J\\u202e';

it('the reason that an adapter gives stands in row, event and history in one line, without a whole number', async () => {
  const world = createWorld();
  const { wa, events } = world.replica({ jobs: { sync: false, cleanup: false, inactivity: false } });
  await world.during(wa.start(), 0);
  const socket = world.connection('s');
  await world.during(wa.attach(socket).ready, 0);
  socket.script.close({ code: `closed${HOSTILE}`, detail: `closed${HOSTILE}` }, 'ERROR');
  await world.clock.settle();
  const reason = { code: `closed${PLAIN}`, detail: `closed${PLAIN}` };
  expect((await world.row('s')).reason).toEqual(reason);
  expect(events.findLast(({ name }) => name === 'session:changed')?.payload).toMatchObject({ reason });
  const lines = world.logged.map(({ message }) => message);
  expect(lines.filter((line) => /closed/.test(line))).toHaveLength(1);
  expect(lines.join('')).not.toMatch(/\p{Cc}|5511999991234/u);
});

it('the error of a run that failed stands in its record in one line, without a whole number', async () => {
  const world = await running();
  world.broken.words = HOSTILE;
  world.broken.calls.add('inactive');
  await expect(world.wa.checkInactiveConversations()).rejects.toThrow('inactive failed');
  expect(await world.runs()).toMatchObject([{ outcome: 'failed', error: `inactive failed before commit${PLAIN}` }]);
});

it.each(['hunter2-secret', '{"noiseKey":hunter2-secret', '{"a":"hunter2-secret'])(
  'the error of a JSON parser is logged without the text that it quotes: %s',
  (text) => {
    let thrown: unknown;
    try {
      JSON.parse(text);
    } catch (error) {
      thrown = error;
    }
    const error = loggableError(new Error('cannot be read', { cause: thrown }));
    expect(error.cause).toMatchObject({ name: 'SyntaxError', message: 'The text is not valid JSON' });
    expect(String((error.cause as Error).stack)).not.toContain('hunter2');
  },
);
