import { randomUUID } from 'node:crypto';
import { plainText } from '@wa-sync/core';

/** The part of a stream that is written to. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

const COLORS = { green: 32, red: 31, yellow: 33, dim: 2, bold: 1 } as const;

/** One of the styles of a text. */
export type Style = keyof typeof COLORS;

export type Output = ReturnType<typeof createOutput>;

/** Where a command writes: tables and lines for people, or one JSON document for programs. */
export function createOutput(options: { out: Sink; error: Sink; json: boolean; color: boolean }) {
  const { out, error, json, color } = options;
  let progressing = false;
  function endProgress(): void {
    if (progressing) error.write('\r\u001b[K');
    progressing = false;
  }
  function write(text: string): void {
    endProgress();
    out.write(text);
  }
  // Colors stand in a text as marks that nobody else can know, so that no other escape sequence comes out.
  const mark = `\u0000${randomUUID()}`;
  const paint = (style: Style, text: string) => (color ? `${mark}${COLORS[style]}m${text}${mark}0m` : text);
  /** Lines that a terminal shows: of what came from elsewhere nothing steers it. */
  const shown = (text: string) =>
    text
      .split(mark)
      .map((part, index) => {
        const style = index === 0 ? '' : (/^\d+m/.exec(part)?.[0] ?? '');
        const words = part.slice(style.length).split('\n').map(plainText).join('\n');
        return style === '' ? words : `\u001b[${style}${words}`;
      })
      .join('');

  return {
    json,
    paint,
    /** Whether a person may be asked and shown progress. */
    interactive: !json && error.isTTY === true,
    line(text = ''): void {
      if (!json) write(`${shown(text)}\n`);
    },
    table(head: readonly string[], rows: readonly (readonly string[])[]): void {
      if (!json) write(shown(formatTable(head, rows, paint)));
    },
    /** The one document of `--json`. */
    document(value: unknown): void {
      if (json) out.write(`${shown(JSON.stringify(value, null, 2))}\n`);
    },
    /** A text that is the same for people and programs, such as SQL. */
    raw(text: string): void {
      out.write(text);
    },
    fail(failure: { code: string; message: string; fix?: string | undefined }): void {
      endProgress();
      const { code, message, fix } = failure;
      if (json) error.write(`${shown(JSON.stringify({ error: { code, message, fix: fix ?? null } }))}\n`);
      else
        error.write(
          `${shown(`${paint('red', 'wa-sync:')} ${plainText(message)} (${plainText(code)})`)}\n${fix ? `${plainText(fix)}\n` : ''}`,
        );
    },
    /** A line that the next one takes the place of; only where a terminal is there. */
    progress(text: string): void {
      if (json || error.isTTY !== true) return;
      progressing = true;
      error.write(`\r\u001b[K${plainText(text)}`);
    },
    endProgress,
  };
}

/** Colours a text, where the output takes colours. */
type Paint = (style: 'red' | 'yellow' | 'dim', text: string) => string;

/** A table with columns as wide as what is in them. */
function formatTable(head: readonly string[], rows: readonly (readonly string[])[], paint: Paint): string {
  const cells = rows.map((row) => row.map(plainText));
  const widths = head.map((title, at) => Math.max(width(title), ...cells.map((row) => width(row[at] ?? ''))));
  const pad = (row: readonly string[]) =>
    row.map((cell, at) => cell + ' '.repeat(Math.max(0, (widths[at] ?? 0) - width(cell)))).join('  ');
  const lines = cells.map((row) => paintStatus(pad(row).trimEnd(), row, paint));
  return `${[paint('dim', pad(head).trimEnd()), ...lines].join('\n')}\n`;
}

function width(text: string): number {
  return [...text].length;
}

const RED = new Set(['ERROR', 'LOGGED_OUT', 'REPLACED', 'failed', 'abandoned', 'error']);
const YELLOW = new Set([
  'RECONNECTING',
  'DISCONNECTED',
  'QR_CODE',
  'CONNECTING',
  'degraded',
  'differs',
  'missing',
  'warning',
]);

function paintStatus(line: string, row: readonly string[], paint: Paint): string {
  if (row.some((cell) => RED.has(cell))) return paint('red', line);
  if (row.some((cell) => YELLOW.has(cell))) return paint('yellow', line);
  return line;
}

const DRAW_EVERY_MS = 250;

/** Shows how far the work has come, such as `1,200 sessions`. */
export type Note = (text: string) => void;

/** Says on a terminal that work goes on, for how long, and what `work` notes; what is written next takes its place. */
export async function withProgress<T>(output: Output, what: string, work: (note: Note) => Promise<T>): Promise<T> {
  if (!output.interactive) return work(() => {});
  const startedMs = performance.now();
  let noted = '';
  const timer = setInterval(() => {
    const seconds = Math.floor((performance.now() - startedMs) / 1_000);
    output.progress(`${what} … ${seconds} s${noted === '' ? '' : `, ${noted}`}`);
  }, DRAW_EVERY_MS);
  try {
    return await work((text) => {
      noted = text;
    });
  } finally {
    clearInterval(timer);
    output.endProgress();
  }
}
