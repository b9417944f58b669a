import { connect, type Socket } from 'node:net';

/** Where to send what. */
export interface Target {
  readonly port: number;
  /** One whole request, as bytes of the wire. */
  readonly request: string;
}

/** Connections that send one request after another, each as soon as the answer before it is there. */
const CONNECTIONS = 32;

/**
 * Loads a target for a while and returns how many answers came. Every one must be 200 and as long as the first: a fast
 * error is no speed. A client of its own, because what a real HTTP client costs would hide what the server does.
 */
export async function load({ port, request }: Target, forMs: number): Promise<{ answers: number; tookMs: number }> {
  const startedMs = performance.now();
  const untilMs = startedMs + forMs;
  const more = () => performance.now() < untilMs;
  const counts = await Promise.all(Array.from({ length: CONNECTIONS }, () => ask(port, request, more)));
  return { answers: counts.reduce((sum, count) => sum + count, 0), tookMs: performance.now() - startedMs };
}

/** Sends a request so many times, one after another. */
export async function askTimes({ port, request }: Target, times: number): Promise<void> {
  await ask(port, request, (answers) => answers < times);
}

function ask(port: number, request: string, more: (answers: number) => boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    let answers = 0;
    let whole = 0;
    let received = 0;
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => socket.write(request));
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      if (whole === 0) {
        const text = chunk.toString('latin1');
        whole = chunk.length;
        if (!text.startsWith('HTTP/1.1 200 ') || !text.includes('"connected":true')) {
          socket.destroy();
          return reject(new Error(`Unexpected answer: ${text}`));
        }
      }
      received += chunk.length;
      if (received < whole) return;
      if (received > whole) return reject(new Error('An answer of another length'));
      received = 0;
      answers += 1;
      if (more(answers)) return socket.write(request);
      socket.destroy();
      resolve(answers);
    });
  });
}
