import { afterAll } from 'vitest';

const ends: (() => unknown)[] = [];

/**
 * Ends what a test has started once its file is over: where tests run side by side, `onTestFinished` does not know whose
 * it is.
 */
export function endLater(end: () => unknown): void {
  ends.push(end);
}

/** Ends it now, for a file whose tests run one after the other: `afterEach(endNow)`. */
export async function endNow(): Promise<void> {
  for (const end of ends.splice(0).reverse()) await end();
}

afterAll(endNow);
