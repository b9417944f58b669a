import { SESSION_IDS, type SessionId } from './settings.js';
import type { StoryWorld } from './story-world.js';

/**
 * From `atS` on, the host's row said `row` and our view `view`, while WhatsApp's own view of the session was
 * `connected`.
 */
export interface Sample {
  readonly atS: number;
  readonly row: string;
  /** `wa_sync.session_status`: the row read together with its owner's lease. */
  readonly view: string;
  readonly connected: boolean;
}

/** What one session went through; only changes are kept. */
export type Lane = { readonly id: SessionId; readonly samples: readonly Sample[] };

const EVERY_MS = 40;

/** Records row and truth of each session side by side until `stop` is called. */
export function recordStory(world: Pick<StoryWorld, 'row' | 'effective' | 'truth'>, secondsNow: () => number) {
  const lanes = SESSION_IDS.map((id) => ({ id, samples: [] as Sample[] }));
  let stopped = false;

  async function sample(lane: (typeof lanes)[number]): Promise<void> {
    const [{ status: row }, { status: view }] = await Promise.all([world.row(lane.id), world.effective(lane.id)]);
    const connected = world.truth(lane.id) === 'connected';
    const last = lane.samples.at(-1);
    if (last?.row === row && last.view === view && last.connected === connected) return;
    lane.samples.push({ atS: secondsNow(), row, view, connected });
  }

  const running = (async () => {
    while (!stopped) {
      // A read that fails leaves a gap in the picture; the story itself reports what is wrong.
      await Promise.all(lanes.map((lane) => sample(lane).catch(() => {})));
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  })();

  return {
    async stop(): Promise<readonly Lane[]> {
      stopped = true;
      await running;
      return lanes;
    },
  };
}
