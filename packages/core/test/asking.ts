import type { InboxStore, WaSyncOptions, WaSyncStore } from '../src/index.js';
import { createMortalClock, createWorld } from './world.js';

export const off = { jobs: { sync: false, cleanup: false, inactivity: false } } as const;
/** What a question may take: two ticks and two probes. */
export const WAIT_MS = 20_000;

type Answer = (next: () => Promise<unknown>) => Promise<unknown>;

/** The inbox of one replica: what it calls, who listens, and faults by method. */
function createInboxSpy(inbox: InboxStore, { wakes = true } = {}) {
  const calls: { name: string; params: Record<string, unknown> }[] = [];
  const faults = new Map<string, Answer>();
  let listeners = 0;
  const listened: string[] = [];
  const pass =
    <Params, Result>(name: string, method: (params: Params) => Promise<Result>) =>
    async (params: Params): Promise<Result> => {
      calls.push({ name, params: params as Record<string, unknown> });
      const fault = faults.get(name);
      return (await (fault ? fault(() => method(params)) : method(params))) as Result;
    };
  const spied: InboxStore = {
    ask: pass('ask', inbox.ask),
    take: pass('take', inbox.take),
    answer: pass('answer', inbox.answer),
    collect: pass('collect', inbox.collect),
    prune: pass('prune', inbox.prune),
    ...(wakes && {
      listen: pass('listen', async (params: { incarnation: string; notify: () => void }) => {
        const stop = await inbox.listen!(params);
        listeners += 1;
        listened.push(params.incarnation);
        return () => {
          listeners -= 1;
          stop();
        };
      }),
    }),
  };
  return {
    inbox: spied,
    of: (name: string) => calls.filter((call) => call.name === name).map(({ params }) => params),
    fail(name: string, answer: Answer = () => Promise.reject(new Error(`${name} failed`))): void {
      faults.set(name, answer);
    },
    fix: () => faults.clear(),
    listeners: () => listeners,
    listened,
  };
}

/**
 * A replica that has what is attached to it, and another one that asks. `wakes: false` where the store cannot notify
 * the owner.
 */
export async function asking(
  options: { wakes?: boolean; owner?: Partial<WaSyncOptions>; asker?: Partial<WaSyncOptions> } = {},
) {
  const world = createWorld();
  const mortal = createMortalClock(world.clock);
  const spies = {
    owner: createInboxSpy(world.memory.inbox, { wakes: options.wakes ?? true }),
    asker: createInboxSpy(world.memory.inbox),
  };
  const start = async (name: 'owner' | 'asker', more: Partial<WaSyncOptions>) => {
    const store: WaSyncStore = { ...world.memory, inbox: spies[name].inbox };
    const made = world.replica({ ...off, store, replicaId: name, ...more });
    await world.during(made.wa.start(), 11_000);
    return made;
  };
  const owner = await start('owner', { clock: mortal.clock, ...options.owner });
  const asker = await start('asker', options.asker ?? {});
  const attach = async (id: string) => {
    const socket = world.connection(id);
    await world.during(owner.wa.attach(socket).ready, 0);
    return socket;
  };
  const codes = () => world.logged.map(({ fields }) => fields.code).filter((code) => typeof code === 'string');
  return { ...world, mortal, spies, owner, asker, attach, codes };
}
