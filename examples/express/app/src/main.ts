import { startApp } from './app.js';
import { readSettings } from './settings.js';

try {
  const app = await startApp(readSettings(process.env));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // Not once: Ctrl+C may come twice, from the terminal and from npm, and the second one would end the process at
    // once.
    process.on(signal, () => void app.stop().then(() => process.exit(0), fail));
  }
  console.log(`listening on ${app.url}`);
} catch (error) {
  fail(error);
}

function fail(error: unknown): never {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
