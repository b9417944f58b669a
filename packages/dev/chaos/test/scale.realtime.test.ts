import { expect, it } from 'vitest';
import { playScale } from '../scale.js';

// A small one, with bounds for a machine that does other work; `npm run chaos -- scale` is the whole. The heap is
// looser than asked: Node 20 and 22 give every promise and timer a slot for each `AsyncLocalStorage` of the process,
// and each Baileys socket brings one, so those that wa-sync keeps per session grow with the number of sockets.
it('many sessions in one process come up, give away their dead, outlast a stall and weigh little', {
  timeout: 300_000,
}, async () => {
  const said: string[] = [];
  const broken = await playScale({
    sessions: 40,
    heap: { sockets: 25, rounds: 1 },
    bounds: { connectedMs: 90_000, sweepMs: 10_000, heapOver: 0.6 },
    print: (line) => said.push(line),
  });
  expect(broken, said.join('\n')).toEqual([]);
});
