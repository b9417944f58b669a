/**
 * Calls a function of the host that is not waited for: one may throw anything, or return a promise that rejects, which
 * would end the process, or that never settles.
 *
 * @param failed - called with what was thrown, at once or later
 * @returns what it returned; `undefined` where it threw
 */
export function containCall<Result>(call: () => Result, failed: (error: unknown) => void): Result | undefined {
  try {
    return catchLater(call(), failed);
  } catch (error) {
    failed(error);
    return undefined;
  }
}

/** Returns what a function of the host returned; where that is a promise, its rejection goes to `failed`. */
export function catchLater<Result>(returned: Result, failed: (error: unknown) => void = () => {}): Result {
  if (isThenable(returned)) Promise.resolve(returned).then(undefined, failed);
  return returned;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
