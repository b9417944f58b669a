import { describe, expect, it } from 'vitest';
import { consoleLogger, systemClock, systemRandom } from '../src/index.js';

describe('the logger that a person reads', () => {
  it('shows the message and the error’s own words, from its level on', () => {
    const lines: string[] = [];
    const log = (level: string) => (line: string) => void lines.push(`${level} ${line}`);
    const target = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
    const quiet = consoleLogger({ target, level: 'warn' });
    quiet.info({}, 'not shown');
    quiet.warn({ sessionId: 's' }, 'shown');
    quiet.error({ err: new TypeError('refused') }, 'Failed');
    quiet.error({ err: 'no Error' }, 'Failed');
    consoleLogger({ target }).debug({}, 'not shown');
    consoleLogger({ target, level: 'debug' }).debug({}, 'shown');
    const frame = /^error {2,}(at|caused by) /;
    expect(lines.some((line) => frame.test(line))).toBe(true);
    expect(lines.filter((line) => !frame.test(line))).toEqual([
      'warn [wa-sync] shown',
      'error [wa-sync] Failed: refused',
      'error [wa-sync] Failed: no Error',
      'debug [wa-sync] shown',
    ]);
  });
});

describe('the clock and the chance of the process', () => {
  it('runs what is scheduled, and not what was cancelled', async () => {
    const ran: string[] = [];
    const startedMs = systemClock.monotonicMs();
    systemClock.schedule(() => void ran.push('cancelled'), 1)();
    await new Promise<void>((resolve) => {
      // Its timers keep no process alive, so somebody has to wait.
      const alive = setInterval(() => {}, 1_000);
      systemClock.schedule(() => {
        ran.push('ran');
        clearInterval(alive);
        resolve();
      }, 15);
    });
    await systemClock.yield();
    expect(ran).toEqual(['ran']);
    expect(systemClock.monotonicMs() - startedMs).toBeGreaterThan(10);
    expect(Math.abs(systemClock.now().getTime() - Date.now())).toBeLessThan(60_000);
  });

  it('makes tokens that differ', () => {
    expect(new Set(Array.from({ length: 1_000 }, systemRandom.token)).size).toBe(1_000);
    const drawn = Array.from({ length: 1_000 }, systemRandom.next);
    expect(drawn.every((value) => value >= 0 && value < 1)).toBe(true);
  });
});
