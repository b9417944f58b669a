import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttpHandler, PROBLEMS, ROUTES, toNodeHandler } from '../src/index.js';
import { createMetrics } from '../src/metrics.js';
import { type Listening, listen } from './listen.js';
import { startWorld, TOKEN, type World } from './start-world.js';

const read = (name: string) => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');

describe.each(['HTTP.md', 'HTTP.pt-BR.md'])('docs/%s', (name) => {
  const text = read(name);
  const rows = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, ...cells]) => cells);

  it('names every endpoint with its role, and no other', () => {
    expect(rows(/^\| `((?:GET|POST) [^`]+)` *\| *(\w+) *\|/gm)).toEqual(
      ROUTES.map(({ method, path, role }) => [`${method} ${path}`, role]),
    );
  });

  it('names every problem with its status, and no other', () => {
    const problems = Object.entries(PROBLEMS).map(([code, { status }]) => [code, String(status)]);
    expect(rows(/^\| `(\w+)` *\| *(\d{3}) *\|/gm).sort()).toEqual(problems.sort());
  });

  describe('its curl lines', () => {
    const blocks = rows(/^```sh\n([\s\S]*?)^```$/gm).map(([block]) => block ?? '');
    let world: World;
    let server: Listening;

    beforeAll(async () => {
      world = await startWorld();
      await world.addSession('sales');
      const options = { auth: { tokens: [TOKEN] }, metrics: createMetrics(world.wa) };
      server = await listen(toNodeHandler(createHttpHandler(world.wa, options)));
    });
    afterAll(async () => {
      await server?.close();
      await world?.stop();
    });

    it('call every endpoint', () => {
      const lines = blocks.join('\n');
      const named = (path: string) => new RegExp(`${path.replace(/:\w+/, '\\w+')}[?"]`);
      const missing = ROUTES.filter(({ path }) => !path.startsWith('/runs/') && !named(path).test(lines));
      expect(missing).toEqual([]);
    });

    it.each(blocks)('run: %s', async (block) => {
      const env = { PATH: process.env.PATH ?? '', WA_SYNC_URL: `${server.origin}/whatsapp`, WA_SYNC_TOKEN: TOKEN };
      const running = promisify(execFile)('bash', ['-euo', 'pipefail', '-c', block], { env });
      const endless = block.includes('--max-time');
      // curl ends with 28 once its time is over, which is the only way that a stream of events ends.
      const { stdout } = await running.catch((error: { code: number; stdout: string }) => {
        if (endless && error.code === 28) return error;
        throw error;
      });
      if (endless) expect(stdout).toMatch(/^retry: \d+\nid: \S+\n\n/);
      else if (block.includes('/metrics')) expect(stdout).toContain('# TYPE wa_sync_sessions gauge');
      else expect(JSON.parse(stdout)).toBeTypeOf('object');
    });
  });
});
