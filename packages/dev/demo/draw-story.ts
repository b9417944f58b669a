import type { Lane, Sample } from './record-story.js';

/** A moment that the picture names. */
export interface Mark {
  readonly atS: number;
  readonly text: string;
}

/** What {@link drawStory} draws. */
export interface Story {
  readonly lanes: readonly Lane[];
  readonly marks: readonly Mark[];
  /** A silent drop of a plain Baileys socket, and when its `close` event came. */
  readonly plain: { readonly fromS: number; readonly untilS: number };
  readonly endS: number;
}

const WIDTH = 960;
const LEFT = 150;
const RIGHT = 24;
const TOP = 80;
const LANE = 78;
const BAR = 18;
/** From one bar to the next. */
const STEP = BAR + 3;

/** Colours of `prefers-color-scheme: light` and `dark`; text keeps a contrast of at least 4.5:1 on both. */
const STYLE = `<style>
text { font: 13px system-ui, sans-serif; fill: #1c1f1d }
.quiet { fill: #5f6761; font-size: 12px }
.back { fill: #ffffff } .true { fill: #11734a } .false { fill: #b3261e } .none { fill: #d5dae0 } .line { stroke: #aab2bd }
.word { fill: #ffffff; font-size: 11px } .onnone { fill: #1c1f1d }
@media (prefers-color-scheme: dark) {
  text { fill: #e8ebe9 } .quiet { fill: #a9b2ac } .back { fill: #14171a }
  .true { fill: #1d8a5b } .false { fill: #d2443b } .none { fill: #59626d } .line { stroke: #59626d }
  .word, .onnone { fill: #ffffff }
}
</style>`;

/**
 * Draws the story as an SVG: three bars a session, what WhatsApp says, what the host's row says, and what our view
 * says. A bar is red where it says something else than WhatsApp.
 */
export function drawStory({ lanes, marks, plain, endS }: Story): string {
  const startS = Math.min(...marks.map(({ atS }) => atS)) - 1;
  const x = (atS: number) =>
    Math.round((LEFT + ((Math.max(atS, startS) - startS) / (endS - startS)) * (WIDTH - LEFT - RIGHT)) * 10) / 10;
  const height = TOP + lanes.length * LANE + BAR + 66;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title">`,
    '<title id="title">Three bars a session over time: what WhatsApp says, what the row in the database says, and what the view of wa-sync says</title>',
    STYLE,
    `<rect class="back" width="${WIDTH}" height="${height}" rx="8"/>`,
    ...marks.flatMap((mark, index) => drawMark(x(mark.atS), mark.text, index, height)),
  ];
  for (const [index, lane] of lanes.entries()) {
    const y = TOP + index * LANE;
    parts.push(
      `<text x="16" y="${y + STEP + 13}" font-weight="600">${escapeXml(lane.id)}</text>`,
      ...['WhatsApp', 'the row', 'the view'].map((text, at) => label(y + at * STEP, text)),
    );
    const judge = (sample: Sample, word: string) => {
      if (sample.connected !== (word === 'CONNECTED')) return 'false';
      return sample.connected ? 'true' : 'none';
    };
    for (const read of ['connected', 'row', 'view'] as const) {
      const at = y + ['connected', 'row', 'view'].indexOf(read) * STEP;
      for (const [sample, untilS] of spans(lane.samples, read, endS)) {
        if (untilS <= startS) continue;
        const word = sample[read];
        const kind = typeof word === 'string' ? judge(sample, word) : word ? 'true' : 'none';
        parts.push(bar(x(sample.atS), x(untilS), at, kind, typeof word === 'string' ? word : ''));
      }
    }
  }
  const y = TOP + lanes.length * LANE;
  const text = `open for ${(plain.untilS - plain.fromS).toFixed(0)} s more`;
  parts.push(
    `<text x="16" y="${y + 13}" font-weight="600">plain Baileys</text>`,
    bar(x(startS), x(plain.fromS), y, 'true', 'open'),
    bar(x(plain.fromS), x(plain.untilS), y, 'false', text),
    bar(x(plain.untilS), x(endS), y, 'none', 'close'),
  );
  for (let atS = 0; atS <= endS - startS - 1; atS += 10) {
    const from = x(startS + 1 + atS);
    parts.push(`<text class="quiet" x="${from}" y="${height - 42}" text-anchor="middle">${atS} s</text>`);
  }
  parts.push(legend(height - 14), '</svg>');
  return `${parts.join('\n')}\n`;
}

/** What was read, and until when; neighbours of one colour are one bar. */
function spans(samples: readonly Sample[], read: 'connected' | 'row' | 'view', endS: number): [Sample, number][] {
  const changes = samples.filter((sample, index) => {
    const before = samples[index - 1];
    return !before || before[read] !== sample[read] || before.connected !== sample.connected;
  });
  return changes.map((sample, index) => [sample, changes[index + 1]?.atS ?? endS]);
}

function bar(from: number, until: number, y: number, kind: 'true' | 'false' | 'none', word: string): string {
  const width = Math.max(until - from, 1.5);
  const rect = `<rect class="${kind}" x="${from}" y="${y}" width="${round(width)}" height="${BAR}"/>`;
  // A word that does not fit is left out: 6.6 is the width of a capital letter at 11 px.
  if (word === '' || word.length * 6.6 + 8 > width) return rect;
  return `${rect}<text class="word${kind === 'none' ? ' onnone' : ''}" x="${round(from + 5)}" y="${y + 13}">${escapeXml(word)}</text>`;
}

function label(y: number, text: string): string {
  return `<text class="quiet" x="${LEFT - 8}" y="${y + 13}" text-anchor="end">${text}</text>`;
}

/** Names stand in four rows in turn, so that moments which follow each other closely do not cover each other. */
function drawMark(x: number, text: string, index: number, height: number): string[] {
  const y = 18 + (index % 4) * 16;
  // Near the right edge a name stands to the left of its line.
  const [at, anchor] = x > WIDTH - 220 ? [x - 4, 'end'] : [x + 4, 'start'];
  return [
    `<line class="line" x1="${x}" y1="${y - 10}" x2="${x}" y2="${height - 56}" stroke-dasharray="2 3"/>`,
    `<text class="quiet" x="${round(at)}" y="${y}" text-anchor="${anchor}">${escapeXml(text)}</text>`,
  ];
}

function legend(y: number): string {
  const entries = [
    ['true', 'connected, and said so'],
    ['false', 'says something else than WhatsApp'],
    ['none', 'not connected, and said so'],
  ] as const;
  return entries
    .map(([kind, text], index) => {
      const x = LEFT + index * 250;
      return `<rect class="${kind}" x="${x}" y="${y - 10}" width="12" height="12"/><text class="quiet" x="${x + 18}" y="${y}">${text}</text>`;
    })
    .join('');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
