import { execFile } from 'node:child_process';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { listen } from '../../http/test/listen.js';
import { createGate } from '../../http/test/start-world.js';
import { commandOf, runCli } from './run-cli.js';
import { startService, type TestService, TOKEN } from './start-service.js';

// Each test starts processes, which takes seconds where others work too.
vi.setConfig({ testTimeout: 60_000 });

const services: TestService[] = [];
async function start(...params: Parameters<typeof startService>): Promise<TestService> {
  const service = await startService(...params);
  services.push(service);
  return service;
}
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
});

describe('status', () => {
  it('ends with 0 where every row is true, and 2 where one is not', async () => {
    const service = await start();
    const fine = await runCli(['status'], service.env);
    expect([fine.code, fine.error]).toEqual([0, '']);
    expect(fine.out).toContain('Current session: connected');
    expect(fine.out).toContain('1 session, every row is true');
    await service.addAbandoned('left');
    const drift = await runCli(['status'], service.env);
    expect(drift.code).toBe(2);
    expect(drift.out).toMatch(/1 of 2 rows are not true/);
    expect(drift.out).toMatch(/^left +DISCONNECTED +CONNECTED .* owner_gone$/m);
    const json = await runCli(['status', '--json'], service.env);
    expect([json.code, JSON.parse(json.out)]).toMatchObject([
      2,
      {
        checked: 2,
        drifting: 1,
        inSync: false,
        byStatus: { CONNECTED: 1, DISCONNECTED: 1 },
        drifted: [{ id: 'left' }],
      },
    ]);
  });

  it('shows one session, asks its connection, and knows an id that reads as a number', async () => {
    const service = await start();
    const connection = await service.addSession('0123456789');
    const fine = await runCli(['status', '0123456789', '--json'], service.env);
    expect([fine.code, JSON.parse(fine.out)]).toMatchObject([
      0,
      { session: { id: '0123456789' }, connected: true, drift: null },
    ]);
    connection.script.set({ status: 'ERROR', reason: { code: 'odd', detail: 'bell\u0007 and \u001b[31mred' } });
    await service.wa.syncNow('0123456789');
    const text = await runCli(['status', '0123456789'], service.env);
    expect(text.out).toMatch(/connection +does not answer/);
    expect(text.out).toMatch(/reason +odd: bell\\u0007 and \\u001b\[31mred$/m);
    const nobody = await runCli(['status', 'nobody'], service.env);
    expect([nobody.code, nobody.out]).toEqual([1, '']);
    expect(nobody.error).toMatch(
      /There is no session nobody \(session_not_found\)\nSee what there is: wa-sync sessions/,
    );
  });
});

describe('sync', () => {
  it('ends with 2 where it had to correct a row, and with 0 after that', async () => {
    const service = await start();
    await service.addSession('sales');
    await service.spoil('sales');
    const corrected = await runCli(['sync', 'sales'], service.env);
    expect(corrected.code).toBe(2);
    expect(corrected.out).toMatch(/^sales +DISCONNECTED +CONNECTED +corrected /m);
    const again = await runCli(['sync', 'sales', '--json'], service.env);
    expect([again.code, JSON.parse(again.out)]).toMatchObject([0, { report: { totals: { checked: 1, inSync: 1 } } }]);
    await service.spoil('sales');
    expect((await runCli(['sync', '--all'], service.env)).code).toBe(2);
    expect((await runCli(['sync', '--all'], service.env)).code).toBe(0);
    expect((await runCli(['sync'], service.env)).out).toContain('Checked 1 session: 1 in sync');
  });

  it('finds and heals a silent link by force', async () => {
    const service = await start();
    const connection = await service.addSession('sales');
    connection.script.goSilent();
    expect((await runCli(['sync', 'sales'], service.env)).code).toBe(0);
    const forced = await runCli(['sync', 'sales', '--force'], service.env);
    expect([forced.code, forced.out]).toEqual([2, expect.stringMatching(/^sales +CONNECTED +RECONNECTING +healed/m)]);
    expect(connection.script.heals).toHaveLength(1);
    expect((await runCli(['sync', '--all', '--force'], service.env)).out).toContain('Checked 2 sessions');
  });

  it('waits for a run that outlasts its request', async () => {
    const gate = createGate();
    const service = await start({
      dropPrefer: true,
      waitMs: 0,
      wrap: (wa) => ({
        ...wa,
        syncNow: async (id) => {
          await gate.opened;
          return wa.syncNow(id);
        },
      }),
    });
    const running = runCli(['sync', '--all', '--json'], service.env);
    setTimeout(gate.open, 1_500);
    const { code, out } = await running;
    expect([code, JSON.parse(out)]).toMatchObject([0, { report: { totals: { checked: 1 } } }]);
  });
});

describe('cleanup', () => {
  it('does nothing without a yes, says what it would do, and does it', async () => {
    const service = await start({ tickMs: 100 });
    await service.addOldRow('old', 40);
    for (const id of ['a', 'b', 'c']) await service.addSession(id);
    const early = await runCli(['cleanup', '--yes'], service.env);
    expect([early.code, early.out]).toEqual([2, expect.stringContaining('Nothing was done')]);
    await service.settle();
    const asked = await runCli(['cleanup'], service.env);
    expect([asked.code, asked.out]).toEqual([1, '']);
    expect(asked.error).toMatch(/not_confirmed.*\n.*--dry-run/);
    expect((await service.wa.sessions.get('old'))?.active).toBe(true);
    for (const dry of ['--dry-run', '--dry-run=true']) {
      const planned = await runCli(['cleanup', '--yes', dry], service.env);
      expect([planned.code, planned.out]).toEqual([2, expect.stringMatching(/^old .* 40 days +deactivate +would/m)]);
    }
    expect((await service.wa.sessions.get('old'))?.active).toBe(true);
    const done = await runCli(['cleanup', '--yes', '--json'], service.env);
    expect([done.code, JSON.parse(done.out)]).toMatchObject([0, { report: { totals: { deactivated: 1 } } }]);
    expect((await service.wa.sessions.get('old'))?.active).toBe(false);
    const runs = await runCli(['runs', '--job', 'cleanup'], service.env);
    expect(runs.out).toMatch(/^\S+ +cleanup .* finished +.*deactivated 1/m);
  });
});

describe('the other commands', () => {
  it('inactive, runs, sessions', async () => {
    const service = await start();
    expect((await runCli(['runs'], service.env)).out).toBe('No job has run yet\n');
    expect((await runCli(['inactive', '--dry-run'], service.env)).code).toBe(0);
    const inactive = await runCli(['inactive', '--json'], service.env);
    expect([inactive.code, JSON.parse(inactive.out)]).toMatchObject([0, { report: { dryRun: false } }]);
    const { runs } = JSON.parse((await runCli(['runs', '--json'], service.env)).out) as { runs: { id: string }[] };
    expect(runs).toHaveLength(1);
    const one = await runCli(['runs', runs[0]?.id ?? ''], service.env);
    expect([one.code, one.out]).toEqual([0, expect.stringMatching(/^outcome +finished$/m)]);
    await service.addSession('second');
    const page = await runCli(['sessions', '--limit', '1'], service.env);
    expect(page.out).toMatch(/^current +CONNECTED/m);
    expect(page.out).toContain("More: --after 'current'");
    const rest = await runCli(['sessions', '--after', 'current', '--json'], service.env);
    expect(JSON.parse(rest.out)).toMatchObject({ sessions: [{ id: 'second' }], next: null });
  });

  it('history shows what became of a session', async () => {
    const service = await start();
    const connection = await service.addSession('sales');
    connection.script.set({ status: 'ERROR', reason: { code: 'odd', detail: 'twice' } });
    await service.wa.syncNow('sales');
    const told = await runCli(['history', 'sales'], service.env);
    expect([told.code, told.error]).toEqual([0, '']);
    expect(told.out).toMatch(/CONNECTED +ERROR +observed +healthy +odd: twice\n.* CONNECTED +observed +healthy +-$/m);
    const page = await runCli(['history', 'sales', '--limit', '1', '--json'], service.env);
    const { transitions, next } = JSON.parse(page.out) as { transitions: { to: string }[]; next: string };
    expect(transitions).toMatchObject([{ to: 'ERROR' }]);
    const rest = await runCli(['history', 'sales', '--before', next, '--json'], service.env);
    expect(JSON.parse(rest.out)).toMatchObject({ transitions: [{ to: 'CONNECTED' }] });
    const nobody = await runCli(['history', 'nobody'], service.env);
    expect([nobody.code, nobody.error]).toEqual([1, expect.stringContaining('session_not_found')]);
  });

  it('doctor has a fix for each finding', async () => {
    const service = await start();
    const healthy = await runCli(['doctor'], service.env);
    expect([healthy.code, healthy.out]).toEqual([0, expect.stringContaining('Nothing is wrong')]);
    (await service.addSession('paired')).script.close('logged_out', 'LOGGED_OUT');
    await service.addAbandoned('left');
    await service.addOldRow('idle', 1);
    const ill = await runCli(['doctor', '--json'], service.env);
    const { findings } = JSON.parse(ill.out) as { findings: { code: string; what: string; fix: string }[] };
    expect([ill.code, findings.map(({ code }) => code).sort()]).toEqual([
      2,
      ['needs_pairing', 'nobody_runs_it', 'owner_gone'],
    ]);
    for (const { fix } of findings) expect(fix.length).toBeGreaterThan(20);
    const refused = await runCli(['doctor', '--token', 'not-the-right-token'], service.env);
    expect([refused.code, refused.out]).toEqual([1, expect.stringMatching(/unauthorized\)\n +Fix: Give the token/)]);
    expect(refused.out + refused.error).not.toContain('not-the-right-token');
  });
});

describe('what goes wrong', () => {
  it.each([
    [['status', '--token', 'not-the-right-token'], /\(unauthorized\)\nGive the token/],
    [['sync', 'nobody'], /session_not_found/],
    [['sync', 'a', '--all'], /a session or --all, not both/],
    [['cleanup', '--yes', '--dry-run=1'], /--dry-run takes no value/],
    [['sessions', '--limit', '0'], /--limit takes/],
    [['runs', '--job', 'sync'], /--job takes/],
    [['status', '--url', 'ftp://x'], /--url takes/],
    [['status', '--url', 'http://127.0.0.1:1/x?secret=1'], /No answer from http:\/\/127.0.0.1:1\/x: /],
    [['status', '--url', 'http://a', '--database-url', 'postgres://b'], /not both/],
    [['migrate', 'plan'], /needs a database/],
    [['sync', '--force=maybe'], /--force takes no value/],
    [['status', '--url', 'http://a:b:c'], /--url takes/],
    [['status', '--database-url', 'postgres://u:secret@[::1/x'], /--database-url takes postgres/],
    [['doctor', '--mirror', 'prisma'], /--mirror is about a database/],
    [['--nothing'], /There is no option --nothing/],
    [['nothing'], /There is no command nothing .*\nThere are status, sync, /],
    [['sync', '--al'], /sync has no option --al .*\nIt takes .*--all, --force/],
    [['sync', 'a', 'b'], /too much: b .*\nIt takes: wa-sync sync \[session\]/],
    [['migrate'], /Something is missing: wa-sync migrate <what>/],
    [['history'], /Something is missing: wa-sync history <session>/],
    [['status', '--url'], /--url takes a value/],
    [['demo', '--url', 'http://a'], /demo has no option --url/],
  ])('%j ends with 1 and says why', async (args, words) => {
    const service = await start();
    const { code, out, error } = await runCli(args, service.env);
    expect([code, out]).toEqual([1, '']);
    expect(error).toMatch(words);
    expect(error).not.toContain('secret');
    expect(error).not.toContain(TOKEN);
  });

  it('says it as JSON to programs', async () => {
    const { code, out, error } = await runCli(['sync', 'nobody', '--json'], (await start()).env);
    expect([code, out]).toEqual([1, '']);
    expect(JSON.parse(error)).toMatchObject({ error: { code: 'session_not_found', fix: expect.any(String) } });
  });

  it('says what is no wa-sync, and takes the token nowhere else', async () => {
    const seen: (string | undefined)[] = [];
    const other = await listen((request, response) => {
      seen.push(request.headers.authorization);
      response.end('{}');
    });
    const server = await listen((request, response) => {
      if (request.url?.startsWith('/moved')) response.writeHead(302, { location: other.origin }).end();
      else response.end('<html>');
    });
    try {
      const html = await runCli(['sessions'], { WA_SYNC_URL: `${server.origin}/app`, WA_SYNC_TOKEN: TOKEN });
      expect([html.code, html.error]).toEqual([1, expect.stringContaining('not_wa_sync')]);
      const moved = await runCli(['sessions'], { WA_SYNC_URL: `${server.origin}/moved`, WA_SYNC_TOKEN: TOKEN });
      expect([moved.code, seen]).toEqual([1, []]);
    } finally {
      await server.close();
      await other.close();
    }
  });

  it('ends well where its reader has seen enough', async () => {
    const service = await start();
    const program = (await commandOf(['sessions', '--json'])).map((part) => `'${part}'`);
    const line = `${program.join(' ')} | true; echo "\${PIPESTATUS[0]}"`;
    const env = { PATH: process.env.PATH ?? '', ...service.env };
    const code = await new Promise<string>((resolve) => {
      execFile('bash', ['-c', line], { env }, (_, out) => resolve(out.trim()));
    });
    expect(code).toBe('0');
  });
});
