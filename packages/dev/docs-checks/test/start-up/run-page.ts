/**
 * Plays the start-up of a page as its reader's business would: on an empty and on a full database, at a second start,
 * and as two processes at once.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { FakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { BufferJSON } from '@whiskeysockets/baileys';
import type { Redis } from 'ioredis';
import type pg from 'pg';
import { expect } from 'vitest';
import { root } from '../read-docs.js';
import { startPage } from './start-page.js';
import { type StartUp, writePage } from './write-page.js';

/** What a start-up is played on, and what has to be true in the end, read by raw SQL or Redis commands. */
export interface PageRun extends StartUp {
  /** The host's table, as the page's own text names it; without one the page needs none. */
  readonly schema?: string;
  readonly session: string;
  /** `observed`: a socket is open. `row`: the session's row is there. */
  readonly becomes: 'CONNECTED' | 'row';
  readonly on: 'postgres' | 'redis';
  /**
   * How a process ends after SIGTERM: Nest sends it to itself again once its hooks are done.
   * @defaultValue exit code 0
   */
  readonly ends?: 'SIGTERM';
}

export interface Surroundings {
  readonly whatsapp: FakeWhatsApp;
  readonly database: { readonly url: string; readonly pool: pg.Pool };
  readonly redis?: { readonly url: string; readonly client: Redis };
}

/** Two processes that load their packages on a busy machine, and a login, included. */
const TRUE_WITHIN_MS = 120_000;

/** Two starts of two processes, none of which has to be quick. */
export const PAGE_WITHIN_MS = 400_000;

/**
 * Log lines that say nothing against a page: no key ring was given, or the machine is slower than a lease or a probe
 * allows.
 */
const EXPECTED_LINES = [
  /encrypt|plain|key ring/i,
  /is no longer ours \((?:taken_over|fenced)\)$/,
  /shows no sign of life: its sessions are free$/,
  /A probe (?:failed|was not answered)/,
  /: ending a dead connection$/,
];
const isExpected = (line: string) =>
  line.startsWith('[wa-sync] ') && EXPECTED_LINES.some((pattern) => pattern.test(line));

const HOST_ROWS = `INSERT INTO "WhatsAppSession" ("id", "companyId", "sessionName", "status", "active", "updatedAt") VALUES
  ('7', 'acme', 'an older number', 'CONNECTED', true, now()), ('off', 'acme', 'not used', 'CONNECTED', false, now())`;
const OWN_ROW = `INSERT INTO "WhatsAppSession" ("id", "companyId", "sessionName", "updatedAt") VALUES ($1, 'acme', $1, now())`;

export async function runPage(run: PageRun, { whatsapp, database, redis }: Surroundings): Promise<void> {
  const { pool } = database;
  const dist = join(root, 'packages/dev/docs-checks/dist');
  const folder = await mkdtemp(join(dist, 'start-up-'));
  const phone = `5511${randomBytes(4).readUInt32BE().toString().padStart(9, '9').slice(0, 9)}`;
  try {
    const file = await writePage(run, folder);
    // A host's own credentials of a number that is linked already.
    const creds = whatsapp.createCredentials({ phone });
    await writeFile(join(folder, 'creds.json'), JSON.stringify(creds, BufferJSON.replacer));
    const env = {
      DATABASE_URL: database.url,
      REDIS_URL: redis?.url ?? '',
      AUTH_FOLDER: folder,
      WA_SYNC_TOKEN: 'a-token-of-the-reader',
      WA_WEB_SOCKET_URL: whatsapp.url,
      FAKE_WHATSAPP_TRUST: JSON.stringify(whatsapp.trust),
      // The system chooses.
      PORT: '0',
      // What two processes of one machine share.
      HOSTNAME: 'one-machine',
    };
    if (run.schema) {
      await pool.query(await readFile(join(root, run.schema), 'utf8'));
      // The row of the number that is about to be linked; else the table is empty.
      await pool.query(OWN_ROW, [run.session]);
    }
    for (const full of [false, true]) {
      if (full && run.schema) await pool.query(HOST_ROWS);
      const pages = [1, 2].map(() => startPage(file, env));
      try {
        const all = [becomesTrue(run, { whatsapp, database, redis }, phone), ...pages.map(({ ran }) => ran)];
        await Promise.race([Promise.all(all), ...pages.map(({ failed }) => failed)]);
      } catch (cause) {
        for (const page of pages) page.kill();
        throw new Error(
          `${run.page}, ${full ? 'full' : 'empty'}: ${cause}\n${pages.map((page) => page.said()).join('\n')}`,
          { cause },
        );
      }
      const ends = await Promise.all(pages.map((page) => page.end()));
      for (const { end, errors } of ends) {
        const lines = errors.split('\n').filter((line) => line !== '' && !isExpected(line));
        expect(lines, `error output (${run.page})`).toEqual([]);
        expect(end, `end (${run.page})`).toBe(run.ends ?? 0);
      }
      if (run.on === 'postgres') {
        const { rows } = await pool.query('SELECT owner FROM wa_sync.session WHERE id = $1', [run.session]);
        // Killed, it would be held until the lease is over.
        expect(rows, `owner after the end (${run.page})`).toEqual([{ owner: null }]);
      }
      if (full && run.schema) await otherRowsAreRight(pool);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Reads raw rows until the page's session is as it has to be; a person scans the QR code that they show. */
async function becomesTrue(run: PageRun, { whatsapp, database, redis }: Surroundings, phone: string): Promise<void> {
  const scanned = new Set<string>();
  const look = async (): Promise<unknown> => {
    if (run.on === 'redis') return (await redis?.client.hexists('{wa-sync}:session', run.session)) === 1 ? 'row' : null;
    const sql =
      'SELECT v.status, v.evidence, s.qr FROM wa_sync.session_status v JOIN wa_sync.session s USING (id) WHERE id = $1';
    const { rows } = await database.pool.query<{ status: string; evidence: string; qr: string | null }>(sql, [
      run.session,
    ]);
    const [row] = rows;
    if (row?.qr && !scanned.has(row.qr)) {
      scanned.add(row.qr);
      // One that has just been replaced is refused; the next one follows.
      await whatsapp.pair(row.qr, { phone }).catch(() => {});
    }
    if (run.becomes === 'row') return row ? 'row' : null;
    if (row?.status !== 'CONNECTED' || row.evidence !== 'observed') return row ?? null;
    if (!run.schema) return 'CONNECTED';
    const host = 'SELECT status::text FROM "WhatsAppSession" WHERE id = $1';
    return (await database.pool.query<{ status: string }>(host, [run.session])).rows[0]?.status;
  };
  // Until the first process has made the schema there is nothing to read.
  const orNone = (error: unknown) => {
    if (['3F000', '42P01'].includes((error as { code?: string }).code ?? '')) return null;
    throw error;
  };
  const deadlineMs = Date.now() + TRUE_WITHIN_MS;
  for (;;) {
    const seen = await look().catch(orNone);
    if (seen === run.becomes) return;
    if (Date.now() > deadlineMs) throw new Error(`the row is not ${run.becomes}: ${JSON.stringify(seen)}`);
    await pause(100);
  }
}

/** A row that the host deactivated is run by nobody, and none that nobody holds was written down as closed. */
async function otherRowsAreRight(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query(
    "SELECT id, status::text FROM \"WhatsAppSession\" WHERE id IN ('7', 'off') ORDER BY id",
  );
  expect(rows).toEqual([
    { id: '7', status: 'CONNECTED' },
    { id: 'off', status: 'CONNECTED' },
  ]);
  const run = await pool.query(
    "SELECT id FROM wa_sync.session WHERE id = 'off' AND (owner IS NOT NULL OR tenure IS NOT NULL)",
  );
  expect(run.rows).toEqual([]);
}
