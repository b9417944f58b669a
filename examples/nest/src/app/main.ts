import { readEnvironment, surround } from '@wa-sync/example-kit';
import { startApp } from './start-app.js';

try {
  const { options, describe } = await surround(readEnvironment(process.env));
  const { url } = await startApp(options);
  console.log(describe(url));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
