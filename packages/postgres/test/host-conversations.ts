import type pg from 'pg';

/** The host's table as Prisma makes it. Needs the tables of sessions. */
export const PRISMA_CONVERSATIONS = `
  CREATE TYPE "ConversationStatus" AS ENUM ('ACTIVE', 'PAUSED', 'FINISHED', 'ESCALATED');
  CREATE TABLE "Conversation" (
    "id" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "companyId" TEXT NOT NULL,
    "status" "ConversationStatus" NOT NULL DEFAULT 'ACTIVE',
    "finishedAt" TIMESTAMP(3),
    "updatedAt" TIMESTAMP(3) NOT NULL,
    CONSTRAINT "Conversation_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "Conversation_companyId_fkey" FOREIGN KEY ("companyId") REFERENCES "Company" ("id")
      ON DELETE RESTRICT ON UPDATE CASCADE
  );
  CREATE TRIGGER audit_session AFTER UPDATE ON "Conversation" FOR EACH ROW EXECUTE FUNCTION audit_session();
`;

/** The same of a host with several numbers, which says with each row whose it is. */
export const CONVERSATIONS_BY_SESSION = `${PRISMA_CONVERSATIONS}
  ALTER TABLE "Conversation" ADD "sessionId" TEXT;
`;

/** Adds host rows of session `s`, by id and word. */
export async function addConversations(pool: pg.Pool, words: Readonly<Record<string, string>>): Promise<void> {
  await pool.query(
    `INSERT INTO "Conversation" ("id", "clientId", "companyId", "sessionId", "status", "updatedAt")
     SELECT id, 'a client', 'acme', 's', word::"ConversationStatus", '2020-01-01' FROM unnest($1::text[], $2::text[]) i(id, word)`,
    [Object.keys(words), Object.values(words)],
  );
}

/** The words of all host rows. */
export async function conversationWords(pool: pg.Pool): Promise<Record<string, string>> {
  const { rows } = await pool.query<{ id: string; status: string }>(`SELECT "id", "status"::text FROM "Conversation"`);
  return Object.fromEntries(rows.map(({ id, status }) => [id, status]));
}

/** A host row; ages in whole minutes of UTC. */
export async function readConversationRow(
  pool: pg.Pool,
  id: string,
): Promise<{ status: string; finishedAgo: number | null; updatedAgo: number } | undefined> {
  const ago = (column: string) =>
    `trunc(extract(epoch FROM (clock_timestamp() AT TIME ZONE 'UTC') - "${column}") / 60)::int`;
  const { rows } = await pool.query(
    `SELECT "status"::text, ${ago('finishedAt')} AS "finishedAgo", ${ago('updatedAt')} AS "updatedAgo"
     FROM "Conversation" WHERE "id" = $1`,
    [id],
  );
  return rows[0];
}
