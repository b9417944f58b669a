import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { keepListening, type ListenOnce } from '../src/adapter/keep-listening.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('leaves nothing behind for each attempt to listen, and ends the one under way at the stop', async () => {
  const attempts: ListenOnce[] = [];
  const most: number[] = [];
  const listeners = vi.spyOn(AbortSignal.prototype, 'addEventListener');
  const gone = vi.spyOn(AbortSignal.prototype, 'removeEventListener');
  let hang = false;
  const kept = keepListening({
    async once(params) {
      attempts.push(params);
      // As a driver does that thinks of one attempt only.
      params.signal.addEventListener('abort', () => {});
      most.push(getEventListeners(params.signal, 'abort').length);
      if (!hang) throw new Error('refused');
      return new Promise((resolve) => params.signal.addEventListener('abort', () => resolve('stopped')));
    },
    impossible() {},
  });
  try {
    const stop = await kept.listen({ incarnation: 'r', notify() {} });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(attempts.length).toBeGreaterThan(5);
    expect(Math.max(...most)).toBe(1);
    hang = true;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(attempts.at(-1)?.signal.aborted).toBe(false);
    // Of the one signal that outlives the attempts: what was put on it was taken off, but for the attempt under way.
    const lasting = listeners.mock.contexts.filter((signal) => !attempts.some((one) => one.signal === signal));
    expect(lasting.length - gone.mock.calls.length).toBe(1);
    stop();
    kept.stop();
    expect(attempts.at(-1)?.signal.aborted).toBe(true);
  } finally {
    listeners.mockRestore();
    gone.mockRestore();
  }
});
