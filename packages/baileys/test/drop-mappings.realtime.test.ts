import * as baileys from '@whiskeysockets/baileys';
import { expect, it } from 'vitest';
import { startProvider, startServer, until, untilStatus } from './kit.js';

it('F08: a socket that has ended keeps no pairs of number and LID, also where its login was still at work', async () => {
  const server = await startServer();
  const sockets: baileys.WASocket[] = [];
  const host = await startProvider(server, {
    backoff: { baseMs: 60_000, maxMs: 60_000 },
    baileys: {
      ...baileys,
      makeWASocket(config: object) {
        const socket = baileys.makeWASocket(config as baileys.UserFacingSocketConfig);
        sockets.push(socket);
        return socket;
      },
    },
  });
  const session = await host.addSession('a', '5511911110001');
  const connection = host.open(session);
  await untilStatus(connection, 'CONNECTED');
  const { lidMapping } = sockets[0]!.signalRepository;
  const { mappingCache } = lidMapping as unknown as { mappingCache: Map<string, string> };
  const store = (user: string) =>
    lidMapping.storeLIDPNMappings([{ lid: `${user}@lid`, pn: `55${user}@s.whatsapp.net` }]);
  await store('11988880001');
  expect(mappingCache.size).toBeGreaterThan(0);
  server.session(session.jid).rst();
  await until(connection, (seen) => seen.kind === 'known' && seen.status !== 'CONNECTED', 'the close');
  await store('11988880002');
  expect(mappingCache.size).toBe(0);
});
