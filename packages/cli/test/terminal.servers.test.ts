import { afterEach, describe, expect, it, vi } from 'vitest';
import { createGate } from '../../http/test/start-world.js';
import { hasScript, runOnTerminal } from './run-on-terminal.js';
import { startService, type TestService } from './start-service.js';

// Each test starts processes, which takes seconds where others work too.
vi.setConfig({ testTimeout: 60_000 });

const services: TestService[] = [];
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
});

async function start(...params: Parameters<typeof startService>): Promise<TestService> {
  const service = await startService(...params);
  services.push(service);
  return service;
}

const ESCAPE = String.fromCharCode(27);

describe.skipIf(!hasScript)('on a terminal', () => {
  it('shows how long the work goes on, and puts the answer in its place', async () => {
    const gate = createGate();
    const service = await start({
      wrap: (wa) => ({
        ...wa,
        syncNow: async (id) => {
          await gate.opened;
          return wa.syncNow(id);
        },
      }),
    });
    const terminal = await runOnTerminal(['sync', '--all'], service.env);
    await terminal.shows(/Syncing … 1 s/);
    gate.open();
    expect(await terminal.closed).toBe(0);
    const [, answer] = terminal.said().split(/Syncing … \d+ s(?!.*Syncing)/s);
    expect(answer).toBe(`\r${ESCAPE}[KChecked 1 session: 1 in sync\r\n`);
  });

  it('asks before it cleans up, and takes no for no', async () => {
    const service = await start({ tickMs: 100 });
    await service.addOldRow('old', 40);
    for (const id of ['a', 'b', 'c']) await service.addSession(id);
    await service.settle();
    const active = async () => (await service.wa.sessions.get('old'))?.active;
    const no = await runOnTerminal(['cleanup'], service.env);
    await no.shows(/old .* 40 days .*Do it\? \[y\/N\] /s);
    no.type('\n');
    expect([await no.closed, await active()]).toEqual([2, true]);
    const yes = await runOnTerminal(['cleanup'], service.env);
    await yes.shows(/Do it\? \[y\/N\] /);
    yes.type('y\n');
    expect([await yes.closed, await active()]).toEqual([0, false]);
  });

  it('paints, but not with NO_COLOR, and shows no progress to a program', async () => {
    const service = await start();
    const painted = await runOnTerminal(['status'], service.env);
    expect([await painted.closed, painted.said()]).toEqual([0, expect.stringContaining(`${ESCAPE}[32m1 session`)]);
    const plain = await runOnTerminal(['status'], { ...service.env, NO_COLOR: '1' });
    expect(await plain.closed).toBe(0);
    expect(plain.said()).not.toContain(`${ESCAPE}[3`);
    expect(plain.said()).toContain('1 session, every row is true');
    const json = await runOnTerminal(['status', '--json'], service.env);
    expect(await json.closed).toBe(0);
    expect(JSON.parse(json.said())).toMatchObject({ inSync: true });
  });
});
