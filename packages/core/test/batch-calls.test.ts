import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BatchOptions, createBatcher } from '../src/engine/limits/batch-calls.js';

type Options = Partial<Omit<BatchOptions<string, string>, 'run'>>;

/** A batcher whose batches are under way until the test ends them; the result of `a` is `A`. */
function batcherOf(options: Options = {}) {
  const batches: { items: readonly string[]; end(): void; fail(error: unknown): void }[] = [];
  const call = createBatcher<string, string>({
    next: 'after',
    ...options,
    run: (items) =>
      new Promise((resolve, reject) => {
        batches.push({ items, end: () => resolve(items.map((item) => item.toUpperCase())), fail: reject });
      }),
  });
  const items = async () => {
    await nextTurn();
    return batches.map((batch) => batch.items.join(''));
  };
  return { batches, call, items };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('a batcher', () => {
  it('puts the calls of one turn into one batch, in order, and gives each its own result', async () => {
    const { batches, call, items } = batcherOf();
    const results = Promise.all(['c', 'a', 'b', 'a'].map(call));
    expect(batches).toEqual([]);
    expect(await items()).toEqual(['caba']);
    batches[0]?.end();
    expect(await results).toEqual(['C', 'A', 'B', 'A']);
  });

  it('fails the calls of a batch that fails, and no others', async () => {
    const { batches, call, items } = batcherOf();
    const lost = ['a', 'b'].map(call).map((one) => expect(one).rejects.toThrow('no'));
    await items();
    const later = call('c');
    batches[0]?.fail(new Error('no'));
    await Promise.all(lost);
    expect(await items()).toEqual(['ab', 'c']);
    batches[1]?.end();
    expect(await later).toBe('C');
  });

  it('goes on after a run that throws before it returns a promise', async () => {
    let calls = 0;
    const call = createBatcher<string, string>({
      next: 'after',
      run(items) {
        calls += 1;
        if (calls === 1) throw new Error('no');
        return Promise.resolve(items);
      },
    });
    await expect(call('a')).rejects.toThrow('no');
    expect(await call('b')).toBe('b');
  });

  it('gathers what comes while a batch is under way, where the next one is to begin after it', async () => {
    const { batches, call, items } = batcherOf({ next: 'after' });
    const first = call('a');
    await items();
    const second = call('b');
    await items();
    const third = call('c');
    expect(await items()).toEqual(['a']);
    batches[0]?.end();
    await first;
    expect(await items()).toEqual(['a', 'bc']);
    batches[1]?.end();
    expect(await Promise.all([second, third])).toEqual(['B', 'C']);
  });

  it('waits for no batch, where the next one may begin beside it', async () => {
    const { batches, call, items } = batcherOf({ next: 'beside' });
    const first = call('a');
    await items();
    const second = ['b', 'c'].map(call);
    expect(await items()).toEqual(['a', 'bc']);
    batches[1]?.end();
    expect(await Promise.all(second)).toEqual(['B', 'C']);
    batches[0]?.end();
    expect(await first).toBe('A');
  });

  it('lets nobody wait for the slow ones of a batch but the next batch', async () => {
    let endSlow = () => {};
    const slow = new Promise<string>((resolve) => {
      endSlow = () => resolve('SLOW');
    });
    const batches: (readonly string[])[] = [];
    const call = createBatcher<string, string>({
      next: 'after',
      async run(items) {
        batches.push(items);
        return items.map((item) => (item === 'slow' ? slow : item.toUpperCase()));
      },
    });
    const first = call('slow');
    expect(await call('a')).toBe('A');
    const later = call('b');
    await nextTurn();
    expect(batches).toEqual([['slow', 'a']]);
    endSlow();
    expect(await Promise.all([first, later])).toEqual(['SLOW', 'B']);
    expect(batches).toEqual([['slow', 'a'], ['b']]);
  });

  it.each([0, 1, 2, 3, 4, 5, 6])('takes a call that comes %s steps after the end of the last batch', async (steps) => {
    const { batches, call, items } = batcherOf();
    const again = call('a').then(async () => {
      for (let step = 0; step < steps; step += 1) await Promise.resolve();
      return call('b');
    });
    await items();
    batches[0]?.end();
    expect(await items()).toEqual(['a', 'b']);
    batches[1]?.end();
    expect(await again).toBe('B');
  });

  it('makes batches no larger than it may', async () => {
    const { batches, call, items } = batcherOf({ next: 'beside', maxSize: () => 2 });
    const results = Promise.all([...'abcde'].map(call));
    expect(await items()).toEqual(['ab', 'cd', 'e']);
    for (const batch of batches) batch.end();
    expect((await results).join('')).toBe('ABCDE');
  });

  it('leaves for the next batch what does not fit, in its order', async () => {
    const chooser = () => {
      const taken = new Set<string>();
      return (item: string) => !taken.has(item) && taken.add(item) !== undefined;
    };
    const { batches, call, items } = batcherOf({ next: 'beside', chooser, maxSize: () => 3 });
    const results = Promise.all([...'aabacbd'].map(call));
    expect(await items()).toEqual(['abc', 'abd', 'a']);
    for (const batch of batches) batch.end();
    expect((await results).join('')).toBe('AABACBD');
  });

  it('settles every call once, whatever fails and whenever they come', async () => {
    const turns = fc.array(fc.array(fc.record({ id: fc.nat(99), fails: fc.boolean() }), { maxLength: 8 }));
    await fc.assert(
      fc.asyncProperty(
        turns,
        fc.constantFrom('after', 'beside'),
        fc.integer({ min: 1, max: 4 }),
        async (all, next, maxSize) => {
          const seen: number[] = [];
          let underWay = 0;
          const call = createBatcher<{ id: number; fails: boolean }, number>({
            next,
            maxSize: () => maxSize,
            async run(items) {
              underWay += 1;
              if (next === 'after') expect(underWay).toBe(1);
              expect(items.length).toBeLessThanOrEqual(maxSize);
              seen.push(...items.map(({ id }) => id));
              await nextTurn();
              underWay -= 1;
              if (items.some(({ fails }) => fails)) throw new Error('no');
              return items.map(({ id }) => id);
            },
          });
          const told: Promise<number | string>[] = [];
          for (const turn of all) {
            told.push(...turn.map((item) => call(item).catch((error: Error) => error.message)));
            await nextTurn();
          }
          const ids = all.flat().map(({ id }) => id);
          const results = await Promise.all(told);
          expect(seen).toEqual(ids);
          for (const [index, result] of results.entries()) expect([ids[index], 'no']).toContain(result);
          for (const [index, { fails }] of all.flat().entries()) if (fails) expect(results[index]).toBe('no');
        },
      ),
      { numRuns: 60 },
    );
  });
});
