import { plainText } from '@wa-sync/core';

/** Colours a text, where the output takes colours. */
type Paint = (style: 'red' | 'yellow' | 'dim', text: string) => string;

/** A table with columns as wide as what is in them. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[], paint: Paint): string {
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
