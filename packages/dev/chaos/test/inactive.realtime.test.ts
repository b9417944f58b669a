import { expect, it } from 'vitest';
import { playInactive } from '../inactive.js';

it('the scenario of inactive accounts sees a single reconnect among accounts on which nothing happens', {
  timeout: 60_000,
}, async () => {
  const said: string[] = [];
  const broken = await playInactive({
    minutes: 0.05,
    sessions: 3,
    disturb: ({ whatsapp, phones }) => whatsapp.session(phones.get('session-002')!).fin(),
    print: (line) => said.push(line),
  });
  expect(said[0]).toBe('3 accounts are connected; nothing is to happen for 0.05 min');
  expect(broken).toContain('1 new connections');
  const writes = broken.filter((words) => words.includes(' wrote '));
  expect(writes.length).toBeGreaterThanOrEqual(2);
  for (const words of writes) expect(words).toContain('inactive-1 wrote session-002');
});
