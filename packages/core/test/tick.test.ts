import { describe, expect, it } from 'vitest';
import { besideTheDead } from './beside-the-dead.js';

describe('a tick', () => {
  it('takes each of its steps although another fails, and logs the failure once', async () => {
    const world = await besideTheDead({ sessions: 1 });
    world.broken.calls.add('fence');
    await world.clock.advance(60_000);
    await world.memory.sessions.create({ sessions: [{ id: 'new', desired: 'running' }] });
    await world.clock.advance(5_000);
    expect(await world.row('new')).toMatchObject({ owner: expect.any(String), status: 'CONNECTING' });
    const failed = world.logged.filter(({ fields }) => fields.code === 'tick_failed');
    expect(failed).toMatchObject([{ level: 'error', fields: { step: 'end the leases of the dead' } }]);
    await world.fix();
    await world.clock.advance(5_000);
    expect(await world.free()).toBe(1);
    await world.wa.stop();
  });
});
