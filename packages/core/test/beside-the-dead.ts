import { createWorld } from './world.js';

const jobs = { sync: false, cleanup: false, inactivity: false } as const;

/** A replica, and the lease of one that is gone, with so many sessions. */
export async function besideTheDead({ sessions }: { sessions: number }) {
  const world = createWorld();
  const { wa } = world.replica({ jobs, provider: world.provider(), replicaId: 'living' });
  await world.during(wa.start(), 0);
  await world.memory.leases.join({ incarnation: 'dead', replicaId: 'gone', ttlMs: 30_000 });
  const ids = Array.from({ length: sessions }, (_, index) => `s${index}`);
  await world.memory.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'stopped' as const })) });
  const claims = ids.map((id) => ({ id, tenure: `of ${id}`, mode: 'takeover' as const }));
  await world.memory.sessions.claim({ owner: 'dead', claims });
  const free = async () => (await world.memory.sessions.get({ ids })).filter(({ owner }) => owner === null).length;
  return { ...world, wa, free };
}
