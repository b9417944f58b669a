import { createMemoryAuthState, type FakeWhatsApp, type Session } from '@wa-sync/fake-whatsapp';
import { makeWASocket } from '@whiskeysockets/baileys';

/** A Baileys socket with nothing around it, for comparison. */
export interface PlainBaileys {
  readonly session: Session;
  /** Goes silent, and returns the seconds until Baileys itself emits `close`. */
  secondsUntilClose(): Promise<number>;
  end(): Promise<void>;
}

const noop = (): void => {};
const quiet = { level: 'silent', child: () => quiet, trace: noop, debug: noop, info: noop, warn: noop, error: noop };

/** Logs a plain socket in. */
export async function openPlainBaileys(
  wa: FakeWhatsApp,
  phone: string,
  keepAliveIntervalMs: number,
): Promise<PlainBaileys> {
  const creds = wa.createCredentials({ phone });
  const socket = makeWASocket({
    ...wa.socketConfig(),
    auth: createMemoryAuthState(creds),
    keepAliveIntervalMs,
    logger: quiet,
  });
  const closed = new Promise<void>((resolve) => {
    socket.ev.on('connection.update', ({ connection }) => {
      if (connection === 'close') resolve();
    });
  });
  const session = wa.session(phone);
  await session.waitForLogin();
  return {
    session,
    async secondsUntilClose() {
      const startedMs = performance.now();
      session.goSilent();
      await closed;
      return (performance.now() - startedMs) / 1000;
    },
    async end() {
      if (session.connected) await socket.end(undefined);
    },
  };
}
