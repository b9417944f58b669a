const LONGEST_MS = 2_147_483_647;

let holders = 0;
let timer: NodeJS.Timeout | null = null;

/**
 * Keeps the process alive until it is let go as often as it was held. The timers of a clock never do, so an app
 * without a server of its own would end, with code 0, as soon as the network is gone: no socket is open then, and each
 * session waits for its next one.
 */
export function holdProcess(): void {
  holders += 1;
  timer ??= setInterval(() => {}, LONGEST_MS);
}

export function letProcessGo(): void {
  holders -= 1;
  if (holders > 0 || timer === null) return;
  clearInterval(timer);
  timer = null;
}
