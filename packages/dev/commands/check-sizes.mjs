// Source files that a person reads in one go: none above 300 lines, and at most one in ten so small that its neighbour
// should hold it.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './run-process.mjs';

const LONGEST = 300;
const SMALL_BELOW = 40;
const SMALL_PART = 1 / 10;

const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', 'packages', 'examples'], {
  cwd: root,
  encoding: 'utf8',
});
const files = [...new Set(listed.split('\n'))]
  .filter((file) => /^(packages|examples)\/[^/]+\/src\/.*\.ts$/.test(file))
  .flatMap((file) => {
    try {
      return [{ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length - 1 }];
    } catch {
      // Deleted, and not committed yet.
      return [];
    }
  });

const long = files.filter(({ lines }) => lines > LONGEST);
const small = files.filter(({ lines }) => lines < SMALL_BELOW);
const wrong = [
  ...long.map(({ file, lines }) => `${file} has ${lines} lines: at most ${LONGEST}`),
  ...(small.length > files.length * SMALL_PART
    ? [
        `${small.length} of ${files.length} files have fewer than ${SMALL_BELOW} lines: at most one in ten. Join some to what they belong to:`,
        ...small.map(({ file, lines }) => `  ${file} (${lines})`),
      ]
    : []),
];
if (wrong.length > 0) {
  console.error(wrong.join('\n'));
  process.exitCode = 1;
}
