import { setTimeout as pause } from 'node:timers/promises';
import type { Mark } from './draw-story.js';
import { openPlainBaileys } from './plain-baileys.js';
import { KEEP_ALIVE_MS, PHONES, PLAIN_PHONE, SESSION_IDS, type SessionId } from './settings.js';
import type { HostRow, StoryWorld } from './story-world.js';
import type { Timeline } from './timeline.js';

/** Seconds until a row was right, by what had happened to it. */
export interface StoryResult {
  readonly seconds: { what: string; seconds: number }[];
  readonly differences: string[];
  /** What the picture of the story needs beside the recorded rows. */
  readonly marks: Mark[];
  readonly plain: { fromS: number; untilS: number };
}

const GIVE_UP_MS = 45_000;
const CHECK_EVERY_MS = 25;

/** Plays the story and compares the host's table with WhatsApp's own view at its end. */
export async function playStory(world: StoryWorld, timeline: Timeline): Promise<StoryResult> {
  const seconds: StoryResult['seconds'] = [];
  const marks: Mark[] = [];
  const mark = (text: string) => marks.push({ atS: timeline.seconds(), text });
  const record = (what: string, since: number): string => {
    const took = (performance.now() - since) / 1000;
    seconds.push({ what, seconds: took });
    return `${took < 1 ? took.toFixed(2) : took.toFixed(1)} s`;
  };
  const show = async (id: SessionId, what: string) => {
    const { status } = await world.row(id);
    timeline.line(`${id}: ${what}`, { row: status, truth: world.truth(id) });
  };

  timeline.scene('Pairing: three phones scan the code that the row shows');
  for (const id of SESSION_IDS) {
    const { qrCode } = await until(
      `a code in the row of ${id}`,
      () => world.row(id),
      (row) => row.qrCode !== null,
    );
    await world.whatsapp.pair(qrCode ?? '', { phone: PHONES[id] });
    await rowSays(world, id, 'CONNECTED');
    await show(id, 'paired');
  }
  const plain = await openPlainBaileys(world.whatsapp, PLAIN_PHONE, KEEP_ALIVE_MS);

  timeline.scene('A silent drop: no frame comes any more, and TCP stays up');
  const dropped = performance.now();
  const droppedS = timeline.seconds();
  mark('silent drop');
  world.session('vendas').goSilent();
  const plainClose = plain.secondsUntilClose();
  await show('vendas', 'goes silent, and so does a plain Baileys socket beside it');
  await until(
    'the drop to be seen',
    () => world.row('vendas'),
    (row) => row.status !== 'CONNECTED',
  );
  await show(
    'vendas',
    `seen, ${record('silent drop: the row stops saying CONNECTED', dropped)} after the drop; the socket is replaced`,
  );
  await truthAndRow(world, 'vendas', 'CONNECTED');
  await show('vendas', `healed, ${record('silent drop: connected again', dropped)} after the drop`);

  timeline.scene('A row edited by hand');
  let edited = performance.now();
  await world.edit('suporte', 'DISCONNECTED');
  await show('suporte', 'somebody writes DISCONNECTED into the row');
  const answer = await world.post('sync-status?sessionId=suporte');
  await rowSays(world, 'suporte', 'CONNECTED');
  await show(
    'suporte',
    `POST /whatsapp/sync-status puts it right within ${record('edited row: after POST sync-status', edited)}`,
  );
  timeline.note(`reported as ${JSON.stringify(firstSession(answer))}`);
  edited = performance.now();
  mark('row edited by hand');
  await world.edit('suporte', 'ERROR');
  await show('suporte', 'somebody writes ERROR, and nobody asks');
  await rowSays(world, 'suporte', 'CONNECTED');
  await show('suporte', `the next sync (every 10 s) finds it, ${record('edited row: at the next sync', edited)} later`);

  timeline.scene('kill -9: the process dies while its rows say CONNECTED');
  const killed = performance.now();
  mark('kill -9');
  await world.app().kill();
  for (const id of SESSION_IDS)
    await until(
      'the links to break',
      async () => world.truth(id),
      (truth) => truth === 'not connected',
    );
  for (const id of SESSION_IDS) await show(id, 'its process is dead');
  await until(
    'the lease to run out',
    () => world.effective('vendas'),
    (seen) => seen.evidence === 'expired',
  );
  mark('lease over: the view knows');
  timeline.line(
    `the view wa_sync.session_status says DISCONNECTED / expired, ${record('kill -9: effective status', killed)} after the kill (ttl 6 s)`,
  );
  mark('app started again');
  const restarted = performance.now();
  await world.startApp();
  for (const id of SESSION_IDS) await truthAndRow(world, id, 'CONNECTED');
  timeline.line(
    `the app was started again under the same replicaId: every row true ${record('kill -9: rows true after the restart', restarted)} later`,
  );
  for (const id of SESSION_IDS) await show(id, 'back, without a new pairing');

  timeline.scene('A logout on the phone');
  const loggedOut = performance.now();
  mark('logout on the phone');
  world.session('financeiro').logOut();
  await rowSays(world, 'financeiro', 'DISCONNECTED');
  await show(
    'financeiro',
    `the device is removed; the row knows within ${record('logout: the row says DISCONNECTED', loggedOut)}`,
  );
  const own = await world.own('financeiro');
  timeline.note(
    `wa_sync.session says ${own.status} (${own.reason}); the host's enum has no such word, so its row says DISCONNECTED`,
  );

  timeline.scene('Beside it: what plain Baileys needed for the same silent drop');
  const needed = await plainClose;
  seconds.push({ what: `silent drop: plain Baileys 'close' event, same keep-alive`, seconds: needed });
  timeline.line(
    `plain Baileys emitted 'close' ${needed.toFixed(1)} s after the drop (keepAliveIntervalMs ${KEEP_ALIVE_MS / 1000} s)`,
  );

  return { seconds, marks, plain: { fromS: droppedS, untilS: droppedS + needed }, differences: await compare(world) };
}

/** Where the host's table and WhatsApp's own view disagree. */
async function compare(world: StoryWorld): Promise<string[]> {
  const differences: string[] = [];
  for (const id of SESSION_IDS) {
    const { status } = await world.row(id);
    const truth = world.truth(id);
    if ((status === 'CONNECTED') !== (truth === 'connected'))
      differences.push(`${id}: the row says ${status}, the truth is ${truth}`);
  }
  return differences;
}

function rowSays(world: StoryWorld, id: SessionId, status: string): Promise<HostRow> {
  return until(
    `the row of ${id} to say ${status}`,
    () => world.row(id),
    (row) => row.status === status,
  );
}

async function truthAndRow(world: StoryWorld, id: SessionId, status: string): Promise<void> {
  await until(
    `${id} to be connected`,
    async () => world.truth(id),
    (truth) => truth === 'connected',
  );
  await rowSays(world, id, status);
}

async function until<Value>(
  what: string,
  look: () => Promise<Value>,
  holds: (value: Value) => boolean,
): Promise<Value> {
  const startedMs = performance.now();
  for (;;) {
    const value = await look();
    if (holds(value)) return value;
    if (performance.now() - startedMs > GIVE_UP_MS)
      throw new Error(`Waited ${GIVE_UP_MS / 1000} s in vain for ${what}`);
    await pause(CHECK_EVERY_MS);
  }
}

function firstSession(answer: unknown): unknown {
  const { report } = answer as {
    report: { sessions: { id: string; stored: string; foreignWord?: string; actual: string; action: string }[] };
  };
  const [session] = report.sessions;
  if (!session) return report;
  const { stored, foreignWord, actual, action } = session;
  return { stored, foreignWord, actual, action };
}
