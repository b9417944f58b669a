import type { FakeWhatsApp } from '@wa-sync/fake-whatsapp';
import pg from 'pg';

const CHECK_EVERY_MS = 500;
const SHOWN_CODES = 'SELECT "id", "qrCode" FROM "WhatsAppSession" WHERE "qrCode" IS NOT NULL ORDER BY "id"';

/** Scans each QR code that the app's own table shows, and lets somebody write to the number that it linked. */
export function playPhones({ databaseUrl, whatsapp }: { databaseUrl: string; whatsapp: FakeWhatsApp }) {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  pool.on('error', () => {});
  const phones = new Map<string, string>();
  const scanned = new Set<string>();
  let looking: Promise<void> | null = null;

  const phoneOf = (id: string) => {
    const phone = phones.get(id) ?? `55119900000${String(phones.size + 1).padStart(2, '0')}`;
    phones.set(id, phone);
    return phone;
  };

  async function look(): Promise<void> {
    // Until the app has made its table there is nothing to see.
    const { rows } = await pool.query<{ id: string; qrCode: string }>(SHOWN_CODES).catch(() => ({ rows: [] }));
    for (const { id, qrCode } of rows) {
      if (scanned.has(qrCode)) continue;
      scanned.add(qrCode);
      // A code that has just been replaced is refused; the next read finds the new one.
      await scan(qrCode, phoneOf(id)).catch(() => {});
    }
  }

  async function scan(qrCode: string, phone: string): Promise<void> {
    const session = await whatsapp.pair(qrCode, { phone });
    await session.waitForLogin();
    await whatsapp.contact('5511988880001', 'Ana').sendText(phone, 'Oi, preciso de ajuda');
  }

  const timer = setInterval(() => {
    looking ??= look().finally(() => {
      looking = null;
    });
  }, CHECK_EVERY_MS);

  return {
    async stop(): Promise<void> {
      clearInterval(timer);
      await looking;
      await pool.end();
    },
  };
}
