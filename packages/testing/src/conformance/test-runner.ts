/**
 * What the suites are declared with. Those of vitest, jest and node:test fit as they are, and so does anything that
 * takes a title and a function.
 */
export interface TestRunner {
  readonly describe: (title: string, declare: () => void) => unknown;
  /** The runner may call `run` with a context of its own, of which the suites use only `skip`. */
  readonly it: (title: string, run: (...context: unknown[]) => Promise<void>) => unknown;
}

/** Ends a test as left out. */
export type LeaveOut = (why: string) => never;

class LeftOut extends Error {}

/**
 * What a runner may hand to a test: vitest's context has both, that of node:test `skip` alone, jest hands over none.
 */
interface Context {
  readonly task?: { readonly meta?: { leftOut?: string } };
  skip?(why: string): void;
}

/** Declares a test that may find out that it has to be left out; the report of the runner says why. */
export function declareTest(runner: TestRunner, title: string, run: (leaveOut: LeaveOut) => Promise<void>): void {
  // Without a named parameter: jest takes a function that has one for a test that calls back.
  runner.it(title, async (...given) => {
    const context = (given[0] ?? {}) as Context;
    const leaveOut: LeaveOut = (why) => {
      if (context.task?.meta) context.task.meta.leftOut = why;
      // In vitest this throws.
      if (context.skip) context.skip(why);
      else console.warn(`Left out: ${title} (${why})`);
      throw new LeftOut(why);
    };
    try {
      await run(leaveOut);
    } catch (error) {
      if (!(error instanceof LeftOut)) throw error;
    }
  });
}

/** Declares a test that is left out, and why. */
export function skipTest(runner: TestRunner, title: string, why: string): void {
  declareTest(runner, title, async (leaveOut) => leaveOut(why));
}
