import { readEnvironment, surround } from '@wa-sync/example-kit';
import { startApp } from './app.js';

try {
  const { options, describe } = await surround(readEnvironment(process.env));
  const app = await startApp(options);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // Not once: Ctrl+C may come twice, from the terminal and from npm, and the second one would end it at once.
    process.on(signal, () => {
      app.stop().then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      );
    });
  }
  console.log(describe(app.url));
} catch (error) {
  fail(error);
}

function fail(error: unknown): never {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
