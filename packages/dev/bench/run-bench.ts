/** `npm run bench [case …] [-- --gate]`: measures, and with `--gate` fails where a figure misses its bound. */
import { type BenchCase, type Figure, meets } from './bench-case.js';
import { HTTP_CASE } from './http/http-case.js';
import { AUTH_CASE } from './postgres/auth-case.js';
import { EVENT_CASE } from './postgres/event-case.js';
import { SWEEP_CASE } from './postgres/sweep-case.js';

const CASES: readonly BenchCase[] = [HTTP_CASE, SWEEP_CASE, EVENT_CASE, AUTH_CASE];

const words = process.argv.slice(2);
const gate = words.includes('--gate');
const asked = words.filter((word) => word !== '--gate');
const unknown = asked.filter((name) => !CASES.some((one) => one.name === name));

if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(', ')}. Usage: npm run bench [case …] [-- --gate], with the cases`);
  for (const { name, about } of CASES) console.error(`  ${name.padEnd(12)} ${about}`);
  process.exit(1);
}

let missed = 0;
for (const one of CASES.filter(({ name }) => asked.length === 0 || asked.includes(name))) {
  console.log(`${one.name}: ${one.about}`);
  for (const figure of await one.measure()) {
    console.log(`  ${describe(figure)}`);
    if (!meets(figure)) missed += 1;
  }
}
if (gate && missed > 0) {
  console.error(`${missed} ${missed === 1 ? 'figure misses its' : 'figures miss their'} bound`);
  process.exitCode = 1;
}

function describe(figure: Figure): string {
  const { name, value, target, detail } = figure;
  const bound = target === null ? '' : 'atLeast' in target ? `asked >= ${target.atLeast}` : `asked <= ${target.atMost}`;
  const mark = target === null ? ' ' : meets(figure) ? '✓' : '✗';
  return `${mark} ${name.padEnd(34)} ${value.toFixed(3).padStart(9)}  ${bound.padEnd(14)} ${detail}`;
}
