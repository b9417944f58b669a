import { startPostgres } from '@wa-sync/dev/servers/postgres';
import { startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { playPhones } from './play-phones.js';
import type { SurroundingsMessage } from './surround.js';

const send = (message: SurroundingsMessage) => process.send?.(message);

try {
  const [postgres, whatsapp] = await Promise.all([startPostgres(), startFakeWhatsApp({ preKeys: 'plenty' })]);
  const phones = playPhones({ databaseUrl: postgres.url(), whatsapp });
  // The channel to the app closes with the app, whatever ends it.
  process.once('disconnect', async () => {
    await phones.stop();
    await whatsapp.close();
    await postgres.stop();
    process.exit(0);
  });
  send({ databaseUrl: postgres.url(), waWebSocketUrl: whatsapp.url, trust: whatsapp.trust });
} catch (error) {
  send({ failure: error instanceof Error ? error.message : String(error) });
  process.disconnect?.();
  process.exitCode = 1;
}
