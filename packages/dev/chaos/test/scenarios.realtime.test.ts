import { describe, it } from 'vitest';
import { SEED } from '../../tests/seed.js';
import { playFaults } from '../faults.js';
import { playInactive } from '../inactive.js';
import { playScale } from '../scale.js';

// Each is small here; `npm run chaos` has the whole. They mostly wait, and each has a world of its own: at the same time.
describe.concurrent('real processes', () => {
  it(`under every fault end in what the server sees (WA_SYNC_SEED=${SEED})`, { timeout: 180_000 }, async ({
    expect,
  }) => {
    const said: string[] = [];
    const broken = await playFaults({ minutes: 0.15, sessions: 6, seed: SEED, print: (line) => said.push(line) });
    // So few seconds need not bring a calm moment for each promise; the minutes of `npm run chaos` have to.
    const violations = broken.filter((words) => !words.endsWith('was never put to the test'));
    expect(violations, said.join('\n')).toEqual([]);
  });

  // Bounds are for a machine that does other work. The heap is looser than asked: Node 20 and 22 give every promise and
  // timer a slot for each `AsyncLocalStorage` of the process, and each Baileys socket brings one, so those that wa-sync
  // keeps per session grow with the number of sockets.
  it('with many sessions come up, give away their dead, outlast a stall and weigh little', {
    timeout: 300_000,
  }, async ({ expect }) => {
    const said: string[] = [];
    const broken = await playScale({
      sessions: 40,
      heap: { sockets: 25, rounds: 1 },
      bounds: { connectedMs: 90_000, sweepMs: 10_000, heapOver: 0.6 },
      print: (line) => said.push(line),
    });
    expect(broken, said.join('\n')).toEqual([]);
  });

  it('with inactive accounts are seen to reconnect a single one', { timeout: 60_000 }, async ({ expect }) => {
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
});
