import type pg from 'pg';

/**
 * The host's tables as Prisma makes them: camelCase, an enum, timestamps without a zone, a foreign key and a trigger.
 */
export const PRISMA_TABLES = `
  CREATE TYPE "WhatsAppSessionStatus" AS ENUM ('DISCONNECTED', 'CONNECTING', 'CONNECTED', 'QR_CODE', 'ERROR');
  CREATE TABLE "Company" ("id" TEXT PRIMARY KEY);
  CREATE TABLE "WhatsAppSession" (
    "id" TEXT NOT NULL,
    "companyId" TEXT NOT NULL,
    "sessionName" TEXT NOT NULL,
    "phoneNumber" TEXT,
    "status" "WhatsAppSessionStatus" NOT NULL DEFAULT 'DISCONNECTED',
    "qrCode" TEXT,
    "lastSeen" TIMESTAMP(3),
    "error" TEXT,
    "active" BOOLEAN NOT NULL DEFAULT true,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,
    CONSTRAINT "WhatsAppSession_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "WhatsAppSession_companyId_fkey" FOREIGN KEY ("companyId") REFERENCES "Company" ("id")
      ON DELETE RESTRICT ON UPDATE CASCADE
  );
  CREATE INDEX "WhatsAppSession_companyId_idx" ON "WhatsAppSession" ("companyId");
  CREATE TABLE "Audit" ("at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "sessionId" TEXT NOT NULL, "status" TEXT NOT NULL);
  CREATE FUNCTION audit_session() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO "Audit" ("sessionId", "status") VALUES (new."id", new."status"::text);
    RETURN new;
  END $$;
  CREATE TRIGGER audit_session AFTER UPDATE ON "WhatsAppSession" FOR EACH ROW EXECUTE FUNCTION audit_session();
  INSERT INTO "Company" ("id") VALUES ('acme');
`;

/** One row of the host, instants as the text that is really in the column. */
export interface HostRow {
  readonly status: string;
  readonly qrCode: string | null;
  readonly phoneNumber: string | null;
  readonly error: string | null;
  readonly lastSeen: string | null;
  readonly updatedAt: string;
}

/** Adds host rows. */
export async function addHostRows(pool: pg.Pool, ids: readonly string[], status = 'DISCONNECTED'): Promise<void> {
  await pool.query(
    `INSERT INTO "WhatsAppSession" ("id", "companyId", "sessionName", "status", "updatedAt")
     SELECT id, 'acme', 'name of ' || id, $2::"WhatsAppSessionStatus", '2020-01-01' FROM unnest($1::text[]) id`,
    [ids, status],
  );
}

/** Reads a host row with plain SQL. */
export async function readHostRow(pool: pg.Pool, id: string): Promise<HostRow> {
  const { rows } = await pool.query<HostRow>(
    `SELECT "status"::text, "qrCode", "phoneNumber", "error", "lastSeen"::text, "updatedAt"::text
     FROM "WhatsAppSession" WHERE "id" = $1`,
    [id],
  );
  if (rows[0] === undefined) throw new Error(`no host row ${id}`);
  return rows[0];
}

/** The words of all host rows. */
export async function hostWords(pool: pg.Pool): Promise<Record<string, string>> {
  const { rows } = await pool.query<{ id: string; status: string }>(
    `SELECT "id", "status"::text FROM "WhatsAppSession"`,
  );
  return Object.fromEntries(rows.map(({ id, status }) => [id, status]));
}
