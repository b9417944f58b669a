import { readFile } from 'node:fs/promises';

/** Linux counts in hundredths of a second there, whatever the machine. */
const TICKS_PER_SECOND = 100;

/**
 * The processor time of all programs that this process has started and that are over, with what those have started:
 * what a mount costs, also where other tests take turns with it. Linux alone says it; `null` elsewhere.
 */
export async function readCpuSeconds(): Promise<number | null> {
  if (process.platform !== 'linux') return null;
  const stat = await readFile('/proc/self/stat', 'utf8');
  // Fields 16 and 17, counted from 3 behind the name, which may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}
