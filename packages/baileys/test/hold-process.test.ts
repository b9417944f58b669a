import { expect, it } from 'vitest';
import { holdProcess, letProcessGo } from '../src/socket/hold-process.js';

const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

it('holds the process by one timer until the last who held it lets it go, and anew after that', () => {
  const before = timers();
  for (let round = 0; round < 2; round++) {
    holdProcess();
    holdProcess();
    expect(timers()).toBe(before + 1);
    letProcessGo();
    expect(timers()).toBe(before + 1);
    letProcessGo();
    expect(timers()).toBe(before);
  }
});
