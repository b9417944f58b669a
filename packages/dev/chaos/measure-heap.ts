import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type FakeWhatsApp, startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { BufferJSON } from '@whiskeysockets/baileys';
import { bundleProgram } from '../fixtures/bundle-program.js';
import { HEAP_SETTINGS, type HeapSettings } from './heap-settings.js';

const WEIGHED = fileURLToPath(new URL('weigh-sockets.ts', import.meta.url));
/** Sockets that warm a process up and are not counted. */
const WARM_UP = 20;

/**
 * Heap after a collection that a session adds to its process, with wa-sync and as a plain Baileys socket. Each
 * measurement has a process of its own, the two kinds take turns, and the server is in neither of them.
 */
export async function measureHeap(params: {
  sockets: number;
  rounds: number;
  print: (line: string) => void;
}): Promise<{ plainKb: number; withKb: number; ratio: number }> {
  const whatsapp = await startFakeWhatsApp({ preKeys: 'plenty' });
  // Built as the packages are: sources that are run as they are weigh more, because their loader gives every function a
  // name property of its own, 256 bytes each.
  const weighed = await bundleProgram({
    entry: WEIGHED,
    folder: fileURLToPath(new URL('../.wa-sync', import.meta.url)),
  });
  const plain: number[] = [];
  const withWaSync: number[] = [];
  try {
    for (let round = 0; round < params.rounds; round += 1) {
      plain.push(await weigh(whatsapp, weighed, { kind: 'plain', round, ...params }));
      withWaSync.push(await weigh(whatsapp, weighed, { kind: 'wa-sync', round, ...params }));
      params.print(
        `    heap: plain ${plain.at(-1)?.toFixed(1)} KB, with wa-sync ${withWaSync.at(-1)?.toFixed(1)} KB a session`,
      );
    }
  } finally {
    await whatsapp.close();
  }
  const [plainKb, withKb] = [median(plain), median(withWaSync)];
  return { plainKb, withKb, ratio: withKb / plainKb };
}

async function weigh(
  whatsapp: FakeWhatsApp,
  file: string,
  { kind, round, sockets }: { kind: HeapSettings['kind']; round: number; sockets: number },
): Promise<number> {
  const creds = Array.from({ length: sockets + WARM_UP }, (_, n) =>
    whatsapp.createCredentials({ phone: `5511${round}${kind === 'plain' ? 1 : 2}${String(1_000_000 + n)}` }),
  );
  const settings: HeapSettings = { kind, warmUp: WARM_UP, url: whatsapp.url, trust: whatsapp.trust };
  const child = fork(file, [], {
    // Compiled code that nobody has run for a while is dropped between the two weighings or not, as it happens: 2 MB
    // of the start, and no session's.
    execArgv: ['--expose-gc', '--no-flush-bytecode'],
    env: { ...process.env, [HEAP_SETTINGS]: JSON.stringify(settings) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  const answer = new Promise<number>((resolve, reject) => {
    child.once('message', (kilobytes: number) => resolve(kilobytes));
    void ended.then(() => reject(new Error(`The process with ${kind} sockets ended before it was weighed`)));
  });
  child.send(JSON.stringify(creds, BufferJSON.replacer));
  try {
    return await answer;
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
