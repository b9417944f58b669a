import { cac } from 'cac';
import { startFakeWhatsApp } from '../start-fake-whatsapp.js';
import { answerScans } from './answer-scans.js';
import { createConsole, HELP_LINES } from './console.js';
import { hostSnippet } from './host-snippet.js';

export type CommandLine = {
  args: readonly string[];
  version: string;
  print(line: string): void;
  fail(line: string): void;
  /** What is typed, line by line. */
  lines: { on(event: 'line', listener: (line: string) => void): unknown; close(): void };
  /** Ends the server. */
  signal: AbortSignal;
};

const DEFAULT_PHONE = '5511912345678';

/** The `fake-whatsapp` command: a server for trying things by hand. Answers the exit code once it was ended. */
export async function runCommandLine({ args, version, print, fail, lines, signal }: CommandLine): Promise<number> {
  const cli = cac('fake-whatsapp');
  cli.usage('[options]');
  cli.option('--port <port>', 'Port on 127.0.0.1 (the system chooses)', { default: 0 });
  cli.option('--wss', 'Serve wss with a certificate of its own');
  cli.option('--phone <number>', 'Number of the phone that scans and types codes', { default: DEFAULT_PHONE });
  cli.help((sections) => [
    { body: 'A WhatsApp Web server on loopback for unmodified Baileys: link it, write to it, let it break.' },
    ...sections,
    { title: 'While it runs', body: HELP_LINES.map(([typed, does]) => `  ${typed.padEnd(20)} ${does}`).join('\n') },
    { title: 'Example', body: '  npx @wa-sync/fake-whatsapp --port 4080' },
  ]);
  cli.version(version);
  const { options } = cli.parse(['node', 'fake-whatsapp', ...args], { run: false });
  if (options.help || options.version) {
    lines.close();
    return 0;
  }
  const port = Number(options.port);
  const phone = String(options.phone).replace(/\D/g, '');
  const unknown = Object.keys(options).find(
    (name) => !['--', 'port', 'wss', 'phone', 'help', 'h', 'version', 'v'].includes(name),
  );
  const wrong =
    (unknown !== undefined && `There is no option --${unknown}`) ||
    (!(Number.isInteger(port) && port >= 0 && port < 65_536) && '--port takes a number from 0 to 65535') ||
    (phone.length < 5 && '--phone takes a number with its country code');
  if (wrong) {
    fail(`${wrong}. See: fake-whatsapp --help`);
    lines.close();
    return 1;
  }

  // libsignal prints whole sessions there, keys included.
  for (const level of ['info', 'warn'] as const) console[level] = () => {};
  const scans = answerScans();
  const wa = await startFakeWhatsApp({
    port,
    tls: options.wss === true ? true : undefined,
    installCertificate: false,
    onRequest: scans.onRequest,
  }).catch((error: Error) => fail(`It could not start: ${error.message}`));
  if (!wa) {
    lines.close();
    return 1;
  }
  const desk = createConsole({ wa, phone, print });
  scans.onScan(desk.scan);
  const ended = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    lines.on('line', (line) => void desk.type(line).then((goesOn) => goesOn || resolve()));
  });
  wa.onEvent((session, { event, detail }) => print(`${session.jid}: ${event}${detail ? ` (${detail})` : ''}`));
  print(
    `A fake WhatsApp listens at ${wa.url}. In your host:\n\n${hostSnippet(wa)}\n\nType help for what can be done; Ctrl+C ends it.`,
  );
  await ended;
  lines.close();
  await wa.close();
  return 0;
}
