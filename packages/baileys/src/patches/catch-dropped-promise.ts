import { promiseHooks } from 'node:v8';

const AsyncFunction = (async () => {}).constructor;

/**
 * Calls a listener that may drop the promise of its work. Baileys 6 decodes each frame in an async function which its `message` listener neither awaits nor returns: the
 * rejection of a frame that no key decrypts is nobody's, and ends the process. That promise is the first one made during the call.
 *
 * @param params.mayTake - asked while promises are made: what is made later on, by handlers of what was decoded, is none of it
 */
export function catchDroppedPromise(params: {
  listener: (...args: unknown[]) => unknown;
  call(): unknown;
  mayTake(): boolean;
  onError(error: unknown): void;
}): unknown {
  const { listener, call, mayTake, onError } = params;
  // What is async itself returns its promise, and costs no hook.
  if (listener instanceof AsyncFunction || typeof promiseHooks?.onInit !== 'function') return call();
  let dropped: Promise<unknown> | null = null;
  const stop = promiseHooks.onInit((promise: Promise<unknown>) => {
    if (dropped === null && mayTake()) dropped = promise;
  });
  let outcome: unknown;
  try {
    outcome = call();
  } finally {
    stop();
  }
  if (!(outcome instanceof Promise)) (dropped as Promise<unknown> | null)?.catch(onError);
  return outcome;
}
