import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { drawStory } from './draw-story.js';
import { recordStory } from './record-story.js';
import { SESSION_IDS, SHORTENED_TEXT } from './settings.js';
import { playStory, type StoryResult } from './story.js';
import { type StoryWorld, startWorld } from './story-world.js';
import { createTimeline } from './timeline.js';

const HELP = `npm run demo [-- options]

Starts a Postgres, a fake WhatsApp and an Express app on loopback, opens three sessions with real Baileys sockets, and plays
a silent drop, a row edited by hand, a kill -9 and a logout. Ends with 0 only if the host's table equals WhatsApp's own view.

  --keep          stay up afterwards and print curl lines; Ctrl+C ends everything
  --logs          show the log lines of the app as well
  --picture FILE  draw what was played into an SVG file
  --help          this text`;

const { values } = parseArgs({
  options: {
    keep: { type: 'boolean' },
    logs: { type: 'boolean' },
    picture: { type: 'string' },
    help: { type: 'boolean' },
  },
});
if (values.help) console.log(HELP);
// A socket that went silent leaves Baileys' own timers behind for a minute; everything that was started is stopped by
// now.
else process.exit(await main());

async function main(): Promise<number> {
  const color = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
  const timeline = createTimeline((line) => console.log(line), color);
  const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  console.log('Shortened settings, so that the story fits into a minute:');
  for (const line of SHORTENED_TEXT) console.log(`  ${line}`);
  let world: StoryWorld | null = null;
  try {
    world = await startWorld((line) => values.logs && timeline.note(line));
    const running = world;
    await running.startApp();
    timeline.line('Postgres, the fake WhatsApp and the Express app are up');
    const recording = values.picture === undefined ? null : recordStory(running, timeline.seconds);
    const story = await Promise.race([playStory(running, timeline), interrupted.then(() => null)]);
    const lanes = await recording?.stop();
    if (story === null) return 130;
    if (lanes && values.picture !== undefined) {
      // npm starts scripts in the root of the package; INIT_CWD is where the person stands.
      const file = resolve(process.env.INIT_CWD ?? '.', values.picture);
      await writeFile(file, drawStory({ ...story, lanes, endS: timeline.seconds() }));
      console.log(`\nThe picture of the story is in ${file}`);
    }
    const code = reportEnd(story, timeline.seconds());
    if (values.keep) {
      printCurlLines(running);
      await interrupted;
    }
    return code;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  } finally {
    await world?.stop();
  }
}

function reportEnd({ seconds, differences }: StoryResult, total: number): number {
  console.log('\nSeconds until the row was right');
  for (const { what, seconds: took } of seconds)
    console.log(`${(took < 1 ? took.toFixed(2) : took.toFixed(1)).padStart(7)}  ${what}`);
  console.log(`${total.toFixed(1).padStart(7)}  the whole story`);
  for (const difference of differences) console.error(`✗ ${difference}`);
  if (differences.length === 0) console.log("\n✓ The host's table equals WhatsApp's own view of who is connected");
  return differences.length === 0 ? 0 : 1;
}

function printCurlLines(world: StoryWorld): void {
  const { url } = world.app();
  const auth = `-H 'Authorization: Bearer ${world.token}'`;
  console.log('\nStill up; these lines work when pasted. Ctrl+C ends everything.\n');
  console.log(`curl -s ${auth} '${url}/whatsapp/status?sessionId=${SESSION_IDS[0]}'`);
  console.log(`curl -s ${auth} -X POST '${url}/whatsapp/sync-all-sessions'`);
  console.log(`curl -s ${auth} -X POST '${url}/whatsapp/force-sync'`);
  console.log(`curl -s ${auth} -X POST '${url}/whatsapp/force-sync-current?sessionId=${SESSION_IDS[1]}'`);
  console.log(`curl -s '${url}/table'   # what the app shows its users`);
  console.log(`# the database: ${world.databaseUrl}`);
}
