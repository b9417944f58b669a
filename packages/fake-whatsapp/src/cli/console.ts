import type { FakeWhatsApp } from '../server/fake-whatsapp.js';
import type { Session } from '../session/session-view.js';

/** What can be typed, and what it does. */
export const HELP_LINES: readonly (readonly [typed: string, does: string])[] = [
  ['<QR text>', 'the phone scans a QR code: paste the text that your host shows'],
  ['<8 characters>', 'somebody types a pairing code on the phone'],
  ['say <text>', 'a contact writes to every linked device'],
  ['silent | resume', 'the links stay up and nothing comes any more; or goes on'],
  ['fin | rst', 'the links end'],
  ['logout', 'the phone unlinks its devices'],
  ['who', 'who is connected'],
  ['help | quit', ''],
];

const CONTACT = '5521998765432';

/** What a person who sits before the server can do. */
export type Console = {
  /** Takes a typed line; returns false where it is over. */
  type(line: string): Promise<boolean>;
  /** The phone scans; returns what came of it. */
  scan(qr: string): Promise<string>;
};

export function createConsole({
  wa,
  phone,
  print,
}: {
  wa: FakeWhatsApp;
  phone: string;
  print(line: string): void;
}): Console {
  const ada = wa.contact(CONTACT, 'Ada');
  void hearAda(0);

  async function hearAda(from: number): Promise<void> {
    // Ends with the server, which rejects all waits.
    const heard = await ada
      .waitForMessage(() => ada.received.length > from, { timeoutMs: 2 ** 31 - 1 })
      .catch(() => null);
    if (!heard) return;
    for (const { from: sender, text } of ada.received.slice(from))
      print(`Ada got from ${sender}: ${text ?? '(no text)'}`);
    await hearAda(ada.received.length);
  }

  async function scan(qr: string): Promise<string> {
    const session = await wa.pair(qr, { phone });
    return `${session.jid} is linked`;
  }

  /** The fault on every device that is linked; a device without a link is left out. */
  function each(act: (session: Session) => void): void {
    let met = 0;
    for (const session of wa.sessions()) {
      if (session.connections.length === 0) continue;
      met += 1;
      act(session);
    }
    if (met === 0) print('Nobody is connected');
  }

  const commands: Readonly<Record<string, (rest: string) => unknown>> = {
    say: (text) =>
      Promise.all(
        wa
          .sessions()
          .filter(({ linked }) => linked)
          .map(({ phone: to }) => ada.sendText(to, text || 'hello')),
      ),
    silent: () => each((session) => session.goSilent()),
    resume: () => each((session) => session.resume()),
    fin: () => each((session) => session.fin()),
    rst: () => each((session) => session.rst()),
    logout: () => each((session) => session.logOut()),
    who: () => {
      const lines = wa.sessions().map(({ jid, state, logins }) => `${jid} ${state}, ${logins} logins`);
      print(lines.join('\n') || 'No device is linked');
    },
    help: () => print(HELP_LINES.map(([typed, does]) => `${typed.padEnd(20)} ${does}`).join('\n')),
  };

  return {
    scan,
    async type(line) {
      const typed = line.trim();
      const [word = '', ...rest] = typed.split(' ');
      if (word === 'quit') return false;
      try {
        const command = commands[word];
        if (command) await command(rest.join(' '));
        else if (typed.split(',').length > 3) print(await scan(typed));
        else if (/^[A-Z0-9]{4}-?[A-Z0-9]{4}$/.test(typed)) {
          const session = await wa.enterPairingCode(typed.replace('-', ''), { phone });
          print(`${session.jid} is linked`);
        } else if (typed) print(`${word}? Type help`);
      } catch (error) {
        print(error instanceof Error ? error.message : String(error));
      }
      return true;
    },
  };
}
