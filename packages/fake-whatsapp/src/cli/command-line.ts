import type { IncomingMessage, RequestListener } from 'node:http';
import { cac } from 'cac';
import type { FakeWhatsApp } from '../server/fake-whatsapp.js';
import { startFakeWhatsApp } from '../server/start-fake-whatsapp.js';
import { createConsole, HELP_LINES } from './console.js';

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

/** The `fake-whatsapp` command: a server for trying things by hand. Returns the exit code once it was ended. */
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

/** What a host pastes so that its Baileys connects to this server and is linked by itself. */
function hostSnippet({ url, port, trust }: Pick<FakeWhatsApp, 'url' | 'port' | 'trust'>): string {
  const secure = url.startsWith('wss:');
  const agent = secure ? ', agent: new Agent({ rejectUnauthorized: false })' : '';
  return [
    "import { trustFakeWhatsApp } from '@wa-sync/fake-whatsapp';",
    ...(secure ? ["import { Agent } from 'node:https';"] : []),
    `await trustFakeWhatsApp(${JSON.stringify(trust)});`,
    `const sock = makeWASocket({ auth, waWebSocketUrl: '${url}'${agent} });`,
    secure
      ? "sock.ev.on('connection.update', ({ qr }) => qr && console.log(qr)); // paste it into the terminal of the server"
      : `sock.ev.on('connection.update', ({ qr }) => qr && fetch('http://127.0.0.1:${port}/scan', { method: 'POST', body: qr }));`,
  ].join('\n');
}

const MAX_BODY_BYTES = 16_384;

/** The automatic phone: `POST /scan` with the text of a QR code. */
function answerScans(): {
  readonly onRequest: RequestListener;
  /** Who scans. */
  onScan(scan: (qr: string) => Promise<string>): void;
} {
  let scanWith: ((qr: string) => Promise<string>) | undefined;
  return {
    onRequest(request, response) {
      if (request.method !== 'POST' || request.url !== '/scan' || !scanWith) {
        response.writeHead(426, { connection: 'close' }).end();
        return;
      }
      readBody(request)
        .then(scanWith)
        .then(
          (said) => response.writeHead(200).end(`${said}\n`),
          (error: Error) => response.writeHead(422).end(`${error.message}\n`),
        );
    },
    onScan(scan) {
      scanWith = scan;
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > MAX_BODY_BYTES) throw new Error('This is no QR code');
  }
  return body.trim();
}
