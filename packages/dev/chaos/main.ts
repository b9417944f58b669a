import { parseArgs } from 'node:util';
import { playFaults } from './faults.js';
import { playInactive } from './inactive.js';
import { playScale } from './scale.js';

const HELP = `npm run chaos -- [scenario] [options]

Real processes, real Baileys sockets and real servers on loopback, judged from outside: by the fake WhatsApp's own view of who is connected and by SQL.

  faults           several processes of an app under kill -9, SIGSTOP, cut and held connections, a killed database and WhatsApp's own faults;
                   ends in a calm phase in which every row must say what the server sees, judged by the invariants of the simulator
  inactive         20 healthy accounts at default settings on which nothing happens: no reconnect, no write, no alarm
  scale            500 sessions in one process: how soon they are up, a forced sync among dead ones, a blocked event loop, heap over plain Baileys

  --minutes <n>    how long the scenarios faults and inactive play (2)
  --sessions <n>   how many accounts
  --seed <n>       of the order of the faults (by chance)
  --help           this text

Without a scenario all are played, one after the other. Ends with 1 where something did not hold.`;

interface Options {
  readonly minutes: number;
  readonly sessions?: number;
  readonly seed: number;
}

const print = (line: string): void => console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);

const SCENARIOS: Readonly<Record<string, (options: Options) => Promise<string[]>>> = {
  faults: (options) => playFaults({ ...options, print }),
  inactive: (options) => playInactive({ ...options, print }),
  scale: ({ sessions }) => playScale({ sessions, print }),
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: 'string' },
      sessions: { type: 'string' },
      seed: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const options = {
    minutes: numberOf('minutes', values.minutes) ?? 2,
    sessions: numberOf('sessions', values.sessions),
    seed: numberOf('seed', values.seed) ?? Math.floor(Math.random() * 2 ** 31),
  };
  const names = positionals.length > 0 ? positionals : Object.keys(SCENARIOS);
  let failed = false;
  for (const name of names) {
    const play = SCENARIOS[name];
    if (!play) throw new Error(`There is no scenario ${name}: npm run chaos -- --help`);
    print(`Scenario ${name}`);
    const broken = await play(options);
    for (const words of broken.slice(0, 40)) print(`✗ ${words}`);
    print(broken.length === 0 ? `✓ ${name} held` : `✗ ${name}: ${broken.length} things did not hold`);
    failed ||= broken.length > 0;
  }
  return failed ? 1 : 0;
}

function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0`);
  return value;
}

try {
  process.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
