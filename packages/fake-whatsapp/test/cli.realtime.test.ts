import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = ['--conditions=@wa-sync/source', '--import', 'tsx'];

/** A process whose lines are waited for. */
function run(file: string, args: readonly string[] = []) {
  const child: ChildProcess = spawn(process.execPath, [...SOURCES, file, ...args], { cwd: PACKAGE, stdio: 'pipe' });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const lines: string[] = [];
  const looks = new Set<() => void>();
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      for (const look of looks) look();
    });
  }
  return {
    lines,
    type: (line: string) => void child.stdin!.write(`${line}\n`),
    interrupt: () => void child.kill('SIGTERM'),
    ended: new Promise<number | null>((resolve) => child.once('close', resolve)),
    saying(what: RegExp): Promise<string> {
      return new Promise((resolve, reject) => {
        const giveUp = setTimeout(() => reject(new Error(`Nothing like ${what} in:\n${lines.join('\n')}`)), 60_000);
        const look = () => {
          const found = lines.find((line) => what.test(line));
          if (found === undefined) return;
          clearTimeout(giveUp);
          looks.delete(look);
          resolve(found);
        };
        looks.add(look);
        look();
      });
    },
  };
}

const cli = (args: readonly string[]) => run(join(PACKAGE, 'src/cli.ts'), args);

/** The lines that the command prints, in a host as small as one can be. */
async function hostFrom(lines: readonly string[]) {
  const from = lines.findIndex((line) => line.startsWith('import '));
  const snippet = lines.slice(from, lines.indexOf('', from));
  // Within the package, so that its imports are found.
  const folder = await mkdtemp(join(PACKAGE, 'test', '.host-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'host.ts');
  const host = [
    "import { initAuthCreds, makeWASocket } from '@whiskeysockets/baileys';",
    "import { createMemoryAuthState } from '@wa-sync/fake-whatsapp';",
    'const auth = createMemoryAuthState(initAuthCreds());',
    ...snippet.filter((line) => line.startsWith('import ')),
    ...snippet.filter((line) => line.startsWith('await trust')),
    'connect();',
    'function connect() {',
    ...snippet.filter((line) => !/^(import|await trust)/.test(line)),
    "  sock.ev.on('messages.upsert', ({ messages: [m] }) => m.key.fromMe || sock.sendMessage(m.key.remoteJid, { text: 'hello Ada' }));",
    '  sock.ev.on(\'connection.update\', ({ connection }) => connection === "close" && setTimeout(connect, 50));',
    '}',
  ];
  await writeFile(file, host.join('\n'));
  return run(file);
}

it('the command serves a host by the lines it prints: linked by itself, written to, broken, unlinked', {
  timeout: 180_000,
}, async () => {
  const server = cli(['--phone', '+55 11 91234-0000']);
  await server.saying(/Ctrl\+C ends it/);
  await hostFrom(server.lines);
  await server.saying(/^5511912340000:1@s.whatsapp.net: login$/);
  server.type('say hello bot');
  await server.saying(/^Ada got from 5511912340000:1@s.whatsapp.net: hello Ada$/);
  server.type('fin');
  await server.saying(/ended \(fin\)/);
  server.type('who');
  await server.saying(/^5511912340000:1@s.whatsapp.net (online|offline|handshaking), \d logins/);
  server.type('nonsense');
  await server.saying(/^nonsense\? Type help$/);
  expect(server.lines.join('\n')).not.toContain('privKey');
  server.type('quit');
  expect(await server.ended).toBe(0);
});

it('the command serves wss, and the phone scans what is pasted', { timeout: 180_000 }, async () => {
  const server = cli(['--wss']);
  expect(await server.saying(/listens at/)).toContain('wss://127.0.0.1:');
  await server.saying(/Ctrl\+C ends it/);
  const host = await hostFrom(server.lines);
  server.type(await host.saying(/^.*2@.*,.*,.*,/));
  await server.saying(/^5511912345678:1@s.whatsapp.net: login$/);
  server.interrupt();
  expect(await server.ended).toBe(0);
});

it('the command helps, and refuses what it does not know', { timeout: 60_000 }, async () => {
  const [help, unknown, port] = [cli(['--help']), cli(['--prot', '1']), cli(['--port', '70000'])];
  expect([await help.ended, await unknown.ended, await port.ended]).toEqual([0, 1, 1]);
  for (const words of [
    '--port <port>',
    '--wss',
    '--phone <number>',
    'logout',
    'npx @wa-sync/fake-whatsapp --port 4080',
  ]) {
    expect(help.lines.join('\n')).toContain(words);
  }
  expect(unknown.lines).toEqual(['There is no option --prot. See: fake-whatsapp --help']);
  expect(port.lines).toEqual(['--port takes a number from 0 to 65535. See: fake-whatsapp --help']);
});
