/** Prints what happens, in the columns that a person follows: when, what, the row's word, the truth. */
export interface Timeline {
  scene(title: string): void;
  /** One line; `row` is what the host's table says, `truth` what WhatsApp's side says. */
  line(what: string, seen?: { row: string; truth: string }): void;
  note(text: string): void;
  seconds(): number;
}

const WIDTH = 72;

/** A timeline that begins now. */
export function createTimeline(print: (line: string) => void, color: boolean): Timeline {
  const startedMs = performance.now();
  const seconds = () => (performance.now() - startedMs) / 1000;
  const paint = (code: number, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    seconds,
    scene(title) {
      print('');
      print(paint(1, title));
      print(paint(2, `   time  ${'what happened'.padEnd(WIDTH)}${'the row says'.padEnd(15)}what is true`));
    },
    line(what, seen) {
      const at = `${seconds().toFixed(1).padStart(6)}s`;
      if (!seen) return print(`${at}  ${what}`);
      const agrees = (seen.row === 'CONNECTED') === (seen.truth === 'connected');
      const row = paint(agrees ? 32 : 31, seen.row.padEnd(15));
      print(`${at}  ${what.padEnd(WIDTH)}${row}${seen.truth}${agrees ? '' : paint(31, '   ← the row lies')}`);
    },
    note: (text) => print(`         ${paint(2, text)}`),
  };
}
