import { expect, it } from 'vitest';
import { drawStory } from '../draw-story.js';

const story = {
  lanes: [
    {
      id: 'vendas',
      samples: [
        { atS: 0, row: 'CONNECTED', view: 'CONNECTED', connected: true },
        { atS: 10, row: 'CONNECTED', view: 'CONNECTED', connected: false },
        { atS: 15, row: 'CONNECTED', view: 'DISCONNECTED', connected: false },
        { atS: 20, row: '<&"', view: 'DISCONNECTED', connected: false },
      ],
    },
  ],
  marks: [{ atS: 1, text: 'kill -9' }],
  plain: { fromS: 10, untilS: 30 },
  endS: 40,
} as const;

/** Seconds of the story that bars of one colour cover. */
function secondsOf(kind: string, svg: string): number[] {
  const scale = (960 - 150 - 24) / 40;
  return [...svg.matchAll(new RegExp(`<rect class="${kind}" x="[\\d.]+" y="\\d+" width="([\\d.]+)" height="18"`, 'g'))]
    .map(([, width]) => Math.round(Number(width) / scale))
    .filter((seconds) => seconds > 0);
}

it('a bar is red for as long as it says something else than WhatsApp', () => {
  const svg = drawStory(story);
  // The row for 10 s (the strange word claims no connection), the view for 5 s, plain Baileys for 20 s.
  expect(secondsOf('false', svg)).toEqual([10, 5, 20]);
});

it('texts are escaped', () => {
  expect(drawStory(story)).not.toContain('<&"');
  expect(drawStory(story)).toContain('&#60;&#38;&#34;');
});
