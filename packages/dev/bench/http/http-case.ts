import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type BenchCase, median } from '../bench-case.js';
import { askTimes, load, type Target } from './load.js';

const ROUNDS = 9;
const WINDOW_MS = 1_000;

interface Sample {
  readonly perSecond: number;
  /** Processor time of the server. */
  readonly cpuMicros: number;
}

/** Starts the process with both apps, and ends it after what is done with it. */
async function withServer<Result>(
  imports: readonly string[],
  work: (server: ChildProcess, targets: Targets) => Promise<Result>,
): Promise<Result> {
  const server = fork(fileURLToPath(new URL('serve.ts', import.meta.url)), {
    execArgv: ['--conditions=@wa-sync/source', ...['tsx', ...imports].map((name) => `--import=${name}`)],
  });
  try {
    const [targets] = (await once(server, 'message')) as [Targets];
    return await work(server, targets);
  } finally {
    if (server.connected) server.disconnect();
    if (server.exitCode === null) await once(server, 'exit');
  }
}

interface Targets {
  readonly bare: Target;
  readonly ours: Target;
}

/** `GET /status` beside a bare route, in turns in one process, over and over. */
function measureStatus(): Promise<Round[]> {
  return withServer([], async (server, { bare, ours }) => {
    // Unmeasured first, so that both are compiled.
    for (const target of [bare, ours, bare, ours]) await load(target, WINDOW_MS);
    const done: Round[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      if (round % 2 === 0) {
        const first = await sample(server, bare);
        done.push({ bare: first, ours: await sample(server, ours) });
      } else {
        const first = await sample(server, ours);
        done.push({ bare: await sample(server, bare), ours: first });
      }
    }
    return done;
  });
}

/**
 * How many steps of JavaScript (see `count-steps.ts`) one request takes, of Node, Express and ours. For tests: no other
 * work on the machine changes it, and it can do so to every measured time. The least of some rounds: a timer of the
 * engine that comes between only adds its own.
 */
export function countStatusSteps(params: {
  rounds: number;
  requests: number;
}): Promise<{ bare: number; ours: number }> {
  const { rounds, requests } = params;
  return withServer([new URL('count-steps.ts', import.meta.url).href], async (server, targets) => {
    const least = { bare: Number.POSITIVE_INFINITY, ours: Number.POSITIVE_INFINITY };
    for (let round = 0; round < rounds; round += 1) {
      for (const name of ['bare', 'ours'] as const) {
        await told(server, 'steps');
        await askTimes(targets[name], requests);
        least[name] = Math.min(least[name], (await told(server, 'steps')).steps / requests);
      }
    }
    return least;
  });
}

interface Round {
  readonly bare: Sample;
  readonly ours: Sample;
}

export const HTTP_CASE: BenchCase = {
  name: 'http',
  about: 'GET /status of 5,000 sessions through Express, beside a bare Express route that answers constant JSON',
  async measure() {
    const rounds = await measureStatus();
    const ratios = rounds.map(({ bare, ours }) => ours.perSecond / bare.perSecond);
    const costs = rounds.map(({ bare, ours }) => bare.cpuMicros / ours.cpuMicros);
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

async function sample(server: ChildProcess, target: Target): Promise<Sample> {
  const before = (await told(server, 'cpu')).cpuMs;
  const { answers, tookMs } = await load(target, WINDOW_MS);
  const cpuMs = (await told(server, 'cpu')).cpuMs - before;
  return { perSecond: (answers / tookMs) * 1_000, cpuMicros: (cpuMs / answers) * 1_000 };
}

async function told(server: ChildProcess, what: 'cpu' | 'steps'): Promise<{ cpuMs: number; steps: number }> {
  server.send(what);
  const [figures] = (await once(server, 'message')) as [{ cpuMs: number; steps: number }];
  return figures;
}
