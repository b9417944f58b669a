import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type BenchCase, median } from '../bench-case.js';
import { load, type Target } from './load.js';

const ROUNDS = 9;
const WINDOW_MS = 1_000;

interface Sample {
  readonly perSecond: number;
  /** Processor time of the server. */
  readonly cpuMicros: number;
}

/** `GET /status` beside a bare route, in turns in one process, over and over. */
export async function measureStatus(params: { rounds: number; windowMs: number }): Promise<Round[]> {
  const { rounds, windowMs } = params;
  const server = fork(fileURLToPath(new URL('serve.ts', import.meta.url)), {
    execArgv: ['--conditions=@wa-sync/source', '--import', 'tsx'],
  });
  try {
    const [targets] = (await once(server, 'message')) as [{ bare: Target; ours: Target }];
    // Unmeasured first, so that both are compiled.
    for (const target of [targets.bare, targets.ours, targets.bare, targets.ours]) await load(target, windowMs);
    const done: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      if (round % 2 === 0) {
        const bare = await sample(server, targets.bare, windowMs);
        done.push({ bare, ours: await sample(server, targets.ours, windowMs) });
      } else {
        const ours = await sample(server, targets.ours, windowMs);
        done.push({ bare: await sample(server, targets.bare, windowMs), ours });
      }
    }
    return done;
  } finally {
    if (server.connected) server.disconnect();
    if (server.exitCode === null) await once(server, 'exit');
  }
}

interface Round {
  readonly bare: Sample;
  readonly ours: Sample;
}

/** By what part of the bare route's processor time ours gets by; the more, the better. */
export function processorRatios(rounds: readonly Round[]): number[] {
  return rounds.map(({ bare, ours }) => bare.cpuMicros / ours.cpuMicros);
}

export const HTTP_CASE: BenchCase = {
  name: 'http',
  about: 'GET /status of 5,000 sessions through Express, beside a bare Express route that answers constant JSON',
  async measure() {
    const rounds = await measureStatus({ rounds: ROUNDS, windowMs: WINDOW_MS });
    const ratios = rounds.map(({ bare, ours }) => ours.perSecond / bare.perSecond);
    const costs = processorRatios(rounds);
    const of = (name: keyof Round, what: keyof Sample) => median(rounds.map((round) => round[name][what])).toFixed(0);
    const spread = (values: number[]) => `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
    return [
      {
        name: 'requests a second, of the bare route',
        value: median(ratios),
        target: { atLeast: 0.6 },
        detail: `${of('ours', 'perSecond')} / ${of('bare', 'perSecond')} a second, ${ROUNDS} rounds in turns, ${spread(ratios)}`,
      },
      {
        name: 'the same by processor time',
        value: median(costs),
        target: null,
        detail: `${of('bare', 'cpuMicros')} / ${of('ours', 'cpuMicros')} µs a request, ${spread(costs)}`,
      },
    ];
  },
};

async function sample(server: ChildProcess, target: Target, windowMs: number): Promise<Sample> {
  const before = await cpuMsOf(server);
  const { answers, tookMs } = await load(target, windowMs);
  const cpuMs = (await cpuMsOf(server)) - before;
  return { perSecond: (answers / tookMs) * 1_000, cpuMicros: (cpuMs / answers) * 1_000 };
}

async function cpuMsOf(server: ChildProcess): Promise<number> {
  server.send('cpu');
  const [{ cpuMs }] = (await once(server, 'message')) as [{ cpuMs: number }];
  return cpuMs;
}
