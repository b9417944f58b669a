import { expect, it } from 'vitest';
import { playFaults } from '../faults.js';

const seed = Number(process.env.WA_SYNC_SEED ?? Math.floor(Math.random() * 2 ** 31));

it(`real processes under every fault end in what the server sees (WA_SYNC_SEED=${seed})`, {
  timeout: 180_000,
}, async () => {
  const said: string[] = [];
  const broken = await playFaults({ minutes: 0.15, sessions: 6, seed, print: (line) => said.push(line) });
  // So few seconds need not bring a calm moment for each promise; the minutes of `npm run chaos` have to.
  const violations = broken.filter((words) => !words.endsWith('was never put to the test'));
  expect(violations, said.join('\n')).toEqual([]);
});
