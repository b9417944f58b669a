import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('sigterm-app.ts', import.meta.url));

it.each([
  ['Express', 'forced'],
  ['Fastify', 'left'],
] as const)(
  'after SIGTERM the rows are written, open streams end, and the process ends by itself: %s, connections are %s',
  { timeout: 60_000 },
  async (platform, how) => {
    const command = ['--conditions=@wa-sync/source', '--import', 'tsx', script, platform, how];
    const child = spawn(process.execPath, command, {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    const output = createInterface({ input: child.stdout }).on('line', (line) => void lines.push(line));
    const ended = once(child, 'close');
    try {
      await Promise.race([once(output, 'line'), ended]);
      const url = lines[0] ?? '';
      const stream = await fetch(`${url}/events`);
      const reader = stream.body!.getReader();
      await reader.read();
      // One that never reads what it gets, and one that stays for a next request.
      const silent = connect(Number(new URL(url).port), '127.0.0.1');
      silent.on('error', () => {}).write('GET /whatsapp/events HTTP/1.1\r\nhost: x\r\n\r\n');
      await once(silent, 'readable');
      await (await fetch(`${url}/status`)).text();
      const killedMs = performance.now();
      child.kill('SIGTERM');
      // A stream that ends, and one that forceCloseConnections cuts before its end is sent, are both over.
      while (
        await reader.read().then(
          ({ done }) => !done,
          () => false,
        )
      );
      // Nest sends itself the signal again once its hooks are done.
      expect(await ended).toEqual([null, 'SIGTERM']);
      expect(performance.now() - killedMs).toBeLessThan(10_000);
      expect(lines[1]).toBe('DISCONNECTED');
      silent.destroy();
    } finally {
      child.kill('SIGKILL');
    }
  },
);
