import { expect, it } from 'vitest';
import { SEED } from '../../tests/seed.js';
import { playFaults } from '../faults.js';

it(`real processes under every fault end in what the server sees (WA_SYNC_SEED=${SEED})`, {
  timeout: 180_000,
}, async () => {
  const said: string[] = [];
  const broken = await playFaults({ minutes: 0.15, sessions: 6, seed: SEED, print: (line) => said.push(line) });
  // So few seconds need not bring a calm moment for each promise; the minutes of `npm run chaos` have to.
  const violations = broken.filter((words) => !words.endsWith('was never put to the test'));
  expect(violations, said.join('\n')).toEqual([]);
});
