import { describe, expect, it, vi } from 'vitest';
import { statusOfWords } from '../src/engine/sessions/judge-host-rows.js';
import {
  type HostSession,
  SESSION_STATUSES,
  type SessionStatus,
  WaSyncError,
  type WaSyncOptions,
} from '../src/index.js';
import { createWorld } from './world.js';

const WORDS: Record<SessionStatus, string> = {
  CONNECTING: 'opening',
  QR_CODE: 'opening',
  CONNECTED: 'online',
  RECONNECTING: 'opening',
  DISCONNECTED: 'offline',
  LOGGED_OUT: 'gone',
  REPLACED: 'broken',
  ERROR: 'broken',
};

const rowOf = (id: string, fields: Partial<HostSession> = {}): HostSession => ({
  id,
  word: 'online',
  phone: null,
  lastSeenAt: null,
  ...fields,
});

/** A replica whose store maps a table with these rows, read in their order. */
function hosting(rows: readonly HostSession[], options: Partial<WaSyncOptions> = {}) {
  const world = createWorld();
  const limits: number[] = [];
  const hostSessions = {
    words: WORDS,
    leftAlone: ['passkey'],
    whenRowIsGone: 'report' as const,
    async list({ after, limit }: { after?: string | undefined; limit: number }) {
      limits.push(limit);
      const from = after === undefined ? 0 : rows.findIndex(({ id }) => id === after) + 1;
      const page = rows.slice(from, from + limit);
      return { rows: page, next: page.length < limit ? null : (page.at(-1)?.id ?? null) };
    },
  };
  const { wa } = world.replica({ store: { ...world.store, hostSessions }, ...options });
  return { ...world, wa, limits, hostSessions };
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => rowOf(`s${index}`));
const warned = ({ logged }: Pick<ReturnType<typeof createWorld>, 'logged'>) =>
  logged.filter(({ level }) => level === 'warn').map(({ fields }) => fields);

describe('rows of the host become sessions', () => {
  it('with the status of their word, number, last sign of life and what the host wants', async () => {
    const lastSeenAt = new Date('2024-12-30T00:00:00Z');
    const world = hosting([
      rowOf('up', { phone: '5511999990000', lastSeenAt }),
      rowOf('off', { word: 'offline' }),
      rowOf('out', { word: 'gone' }),
    ]);
    expect(await world.wa.sessions.importFromHost()).toEqual({
      dryRun: false,
      read: 3,
      created: 3,
      existing: 0,
      leftOut: [],
      leftOutTotal: 0,
      unknownWords: [],
      unknownWordsTotal: 0,
    });
    const shared = { evidence: 'unobserved', owner: null };
    expect(await world.row('up')).toMatchObject({
      ...shared,
      status: 'CONNECTED',
      phone: '5511999990000',
      lastSeenAt,
      desired: 'running',
    });
    expect(await world.row('off')).toMatchObject({ ...shared, status: 'DISCONNECTED', desired: 'running' });
    expect(await world.row('out')).toMatchObject({ ...shared, status: 'LOGGED_OUT', desired: 'running' });
    expect(warned(world)).toEqual([]);
  });

  it('a second time nothing happens, and a session that is there stays as it is', async () => {
    const world = hosting([rowOf('a', { word: 'what' }), rowOf('b')]);
    await world.wa.sessions.create({ id: 'a', desired: 'stopped' });
    expect(await world.wa.sessions.importFromHost()).toMatchObject({ read: 2, created: 1, existing: 1 });
    const again = await world.wa.sessions.importFromHost();
    expect(again).toMatchObject({ read: 2, created: 0, existing: 2, unknownWords: [] });
    expect(await world.row('a')).toMatchObject({ status: 'DISCONNECTED', desired: 'stopped', version: 1 });
  });

  it('a dry run writes nothing and reports the same', async () => {
    const rows = [rowOf('a'), rowOf('b', { word: 'what' }), rowOf('')];
    const world = hosting(rows);
    await world.wa.sessions.create({ id: 'a' });
    const planned = await world.wa.sessions.importFromHost({ dryRun: true });
    expect(await world.memory.sessions.list({ limit: 10 })).toHaveLength(1);
    expect({ ...planned, dryRun: false }).toEqual(await world.wa.sessions.importFromHost());
    expect(planned).toMatchObject({ dryRun: true, created: 1, existing: 1, leftOutTotal: 1, unknownWordsTotal: 1 });
  });

  it('a word that no status has becomes DISCONNECTED, and is reported', async () => {
    const words = ['what', 'what', 'Online', null, ''];
    const world = hosting(words.map((word, index) => rowOf(`s${index}`, { word })));
    const report = await world.wa.sessions.importFromHost();
    expect(report).toMatchObject({ created: 5, unknownWordsTotal: 5 });
    expect(report.unknownWords).toEqual([
      { word: 'what', sessions: 2 },
      { word: 'Online', sessions: 1 },
      { word: null, sessions: 1 },
      { word: '', sessions: 1 },
    ]);
    expect((await world.row('s0')).status).toBe('DISCONNECTED');
    expect(warned(world)).toEqual([{ code: 'import_incomplete', leftOutTotal: 0, unknownWordsTotal: 5 }]);
  });

  it('an id that no session can have is left out and reported, the others are taken', async () => {
    const ids = ['', 'x'.repeat(256), 'a\nb', 'half \ud800', 'fine', 'x'.repeat(255)];
    const world = hosting(ids.map((id) => rowOf(id)));
    const report = await world.wa.sessions.importFromHost();
    expect(report).toMatchObject({ read: 6, created: 2, leftOutTotal: 4 });
    expect(report.leftOut).toEqual([
      { id: '', why: 'empty' },
      { id: `${'x'.repeat(80)}…`, why: 'too_long' },
      { id: 'a\nb', why: 'control_characters' },
      { id: 'half \ud800', why: 'control_characters' },
    ]);
  });

  it('what is named stays short however much is wrong', async () => {
    const rows = [
      ...numbered(300).map(({ id }) => rowOf(id, { word: `word of ${id}` })),
      ...numbered(300).map(({ id }) => rowOf(`${id}\n`)),
    ];
    const report = await hosting(rows).wa.sessions.importFromHost();
    expect(report).toMatchObject({ created: 300, leftOutTotal: 300, unknownWordsTotal: 300 });
    expect([report.leftOut.length, report.unknownWords.length]).toEqual([100, 100]);
  });
});

describe('an import of many', () => {
  it('reads and creates in batches that grow, and says how far it is', async () => {
    const world = hosting(numbered(5_000));
    const progress: number[] = [];
    const onProgress = ({ created }: { created: number }) => void progress.push(created);
    expect(await world.wa.sessions.importFromHost({ onProgress })).toMatchObject({ read: 5_000, created: 5_000 });
    expect(world.limits.slice(0, 3)).toEqual([10, 20, 40]);
    expect(Math.max(...world.limits)).toBe(1_000);
    expect(progress[0]).toBe(10);
    expect(progress.at(-1)).toBe(5_000);
  });

  it('writes in smaller batches where rows take long, and again in fewer what took too long', async () => {
    const world = hosting(numbered(1_500));
    const sizes: number[] = [];
    const { create } = world.store.sessions;
    world.store.sessions.create = async (params) => {
      const size = params.sessions.length;
      sizes.push(size);
      const rowMs = sizes.length > 6 ? 50 : 0;
      await new Promise<void>((resolve) => void world.clock.schedule(resolve, Math.min(size * rowMs, 8_000)));
      if (size * rowMs > 8_000) throw new WaSyncError('store_timeout', 'too long', { retryable: true });
      return create(params);
    };
    const report = await world.during(world.wa.sessions.importFromHost(), 600_000);
    expect(report).toMatchObject({ read: 1_500, created: 1_500, existing: 0 });
    expect(sizes.slice(0, 7)).toEqual([10, 20, 40, 80, 160, 320, 640]);
    expect(Math.max(...sizes.slice(7))).toBe(10);
  });

  it('one that fails halfway keeps what was created, and the next finishes it', async () => {
    const world = hosting(numbered(100));
    const { list } = world.hostSessions;
    const timeout = new WaSyncError('store_timeout', 'the table is locked', { retryable: true });
    let calls = 0;
    world.hostSessions.list = async (params) => {
      calls += 1;
      if (calls === 3 || calls === 4) throw timeout;
      return list(params);
    };
    await expect(world.wa.sessions.importFromHost()).rejects.toMatchObject({ code: 'store_timeout', retryable: true });
    expect(await world.memory.sessions.list({ limit: 100 })).toHaveLength(30);
    expect(await world.wa.sessions.importFromHost()).toMatchObject({ read: 100, created: 70, existing: 30 });
  });

  it('goes on where onProgress throws', async () => {
    const world = hosting(numbered(50));
    const onProgress = vi.fn(() => {
      throw new Error('of the host');
    });
    expect(await world.wa.sessions.importFromHost({ onProgress })).toMatchObject({ created: 50 });
    expect(onProgress.mock.calls.length).toBeGreaterThan(1);
    const error = world.logged.find(({ level }) => level === 'error');
    expect(error?.fields).toMatchObject({ code: 'progress_failed', function: 'importFromHost.onProgress' });
  });
});

describe('importFromHost', () => {
  it('names the option to set where the store maps no table', async () => {
    const { wa } = createWorld().replica();
    await expect(wa.sessions.importFromHost()).rejects.toMatchObject({
      code: 'not_supported',
      message: expect.stringContaining('set mirror.sessions in createPostgresStore'),
    });
  });

  it.each([
    [{ dryrun: true }, 'Unknown option dryrun: importFromHost takes dryRun, onProgress'],
    [{ dryRun: 'yes' }, 'Option dryRun takes true or false'],
    [{ onProgress: 1 }, 'Option onProgress takes a function'],
    [null, 'Option (all) takes an object'],
  ])('refuses %j', async (options, message) => {
    const world = hosting(numbered(1));
    await expect(world.wa.sessions.importFromHost(options as never)).rejects.toMatchObject({
      code: 'config_invalid',
      message,
    });
    expect(world.limits).toEqual([]);
  });
});

describe('a word that statuses share', () => {
  it('is the one that promises least', () => {
    expect([...statusOfWords({ words: WORDS, leftAlone: ['passkey'] })].sort()).toEqual([
      ['broken', 'ERROR'],
      ['gone', 'LOGGED_OUT'],
      ['offline', 'DISCONNECTED'],
      ['online', 'CONNECTED'],
      ['opening', 'CONNECTING'],
      ['passkey', 'CONNECTING'],
    ]);
  });

  it.each(SESSION_STATUSES.filter((status) => status !== 'CONNECTED'))('is never CONNECTED beside %s', (status) => {
    expect(statusOfWords({ words: { ...WORDS, [status]: 'online' }, leftAlone: [] }).get('online')).not.toBe(
      'CONNECTED',
    );
  });
});
