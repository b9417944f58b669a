/** Lets at most `limit` holders pass; each gives its place back by the function it got. First come, first served. */
export function createSlots(limit: number): () => Promise<() => void> {
  let free = limit;
  const waiting: (() => void)[] = [];

  function giveBack(): void {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  }

  return async () => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    let held = true;
    return () => {
      if (held) giveBack();
      held = false;
    };
  };
}
