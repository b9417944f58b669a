const LONGEST_MS = 2_147_483_647;

/**
 * Keeps the process alive until what it answers is called. The timers of a clock never do, so an app without a server of its own would end, with code 0, as soon
 * as the network is gone: no socket is open then, and each session waits for its next one.
 */
export function holdProcess(): () => void {
  const timer = setInterval(() => {}, LONGEST_MS);
  return () => clearInterval(timer);
}
