import { readSettings } from './settings.js';
import { startApp } from './start-app.js';

try {
  const { url } = await startApp(readSettings(process.env));
  console.log(`listening on ${url}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
