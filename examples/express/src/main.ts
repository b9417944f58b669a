import { startApp } from './app.js';
import { readEnvironment } from './read-environment.js';

try {
  const app = await startApp(readEnvironment(process.env));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      app.stop().then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      );
    });
  }
  console.log(`listening on ${app.url}`);
} catch (error) {
  fail(error);
}

function fail(error: unknown): never {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
