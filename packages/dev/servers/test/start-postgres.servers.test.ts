import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const SOURCE = `import { startPostgres } from ${JSON.stringify(join(import.meta.dirname, '../start-postgres.ts'))};
const server = await startPostgres();
process.exitCode = 3;
await server.stop();`;

it('a process that started a Postgres ends with the exit code that it chose, such as that of failed tests', async () => {
  const child = execFile(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', SOURCE]);
  const code = await new Promise((resolve) => child.once('exit', resolve));
  expect(code).toBe(3);
});
