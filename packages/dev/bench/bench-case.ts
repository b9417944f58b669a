/** One number that is held against a bound. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  /** The bound that `--gate` holds it to; `null`: shown only. */
  readonly target: { readonly atLeast: number } | { readonly atMost: number } | null;
  /** What it was made of, for people. */
  readonly detail: string;
}

/** Something that is measured. */
export interface BenchCase {
  readonly name: string;
  readonly about: string;
  measure(): Promise<readonly Figure[]>;
}

/** Whether a figure is where it has to be. */
export function meets({ value, target }: Figure): boolean {
  if (target === null) return true;
  return 'atLeast' in target ? value >= target.atLeast : value <= target.atMost;
}

/** The middle value; of an even number of them the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}
