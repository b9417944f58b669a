-- The host app's own tables, as Prisma makes them for a helpdesk. wa-sync never changes their structure; it only
-- updates rows. One call runs all of this in one transaction; the lock keeps two processes that start together apart.
SELECT pg_advisory_xact_lock(hashtext('helpdesk-schema'));

DO $$
BEGIN
  CREATE TYPE "WhatsAppSessionStatus" AS ENUM ('DISCONNECTED', 'CONNECTING', 'CONNECTED', 'QR_CODE', 'ERROR');
EXCEPTION
  WHEN duplicate_object THEN NULL;
END
$$;

DO $$
BEGIN
  CREATE TYPE "ConversationStatus" AS ENUM ('ACTIVE', 'PAUSED', 'FINISHED', 'ESCALATED');
EXCEPTION
  WHEN duplicate_object THEN NULL;
END
$$;

CREATE TABLE IF NOT EXISTS "Company" (
  "id"   TEXT NOT NULL,
  "name" TEXT NOT NULL,
  CONSTRAINT "Company_pkey" PRIMARY KEY ("id")
);

CREATE TABLE IF NOT EXISTS "Client" (
  "id"        TEXT NOT NULL,
  "companyId" TEXT NOT NULL,
  "name"      TEXT NOT NULL,
  "chat"      TEXT,
  CONSTRAINT "Client_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "Client_companyId_chat_key" UNIQUE ("companyId", "chat"),
  CONSTRAINT "Client_companyId_fkey" FOREIGN KEY ("companyId") REFERENCES "Company" ("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

CREATE TABLE IF NOT EXISTS "WhatsAppSession" (
  "id"          TEXT NOT NULL,
  "companyId"   TEXT NOT NULL,
  "sessionName" TEXT NOT NULL,
  "phoneNumber" TEXT,
  "status"      "WhatsAppSessionStatus" NOT NULL DEFAULT 'DISCONNECTED',
  "qrCode"      TEXT,
  "lastSeen"    TIMESTAMP(3),
  "error"       TEXT,
  "active"      BOOLEAN NOT NULL DEFAULT true,
  "createdAt"   TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt"   TIMESTAMP(3) NOT NULL,
  CONSTRAINT "WhatsAppSession_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "WhatsAppSession_companyId_fkey" FOREIGN KEY ("companyId") REFERENCES "Company" ("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

CREATE INDEX IF NOT EXISTS "WhatsAppSession_companyId_idx" ON "WhatsAppSession" ("companyId");

CREATE TABLE IF NOT EXISTS "Conversation" (
  "id"         TEXT NOT NULL,
  "clientId"   TEXT NOT NULL,
  "companyId"  TEXT NOT NULL,
  "status"     "ConversationStatus" NOT NULL DEFAULT 'ACTIVE',
  "finishedAt" TIMESTAMP(3),
  "updatedAt"  TIMESTAMP(3) NOT NULL,
  "sessionId"  TEXT,
  CONSTRAINT "Conversation_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "Conversation_sessionId_fkey" FOREIGN KEY ("sessionId") REFERENCES "WhatsAppSession" ("id") ON DELETE SET NULL ON UPDATE CASCADE,
  CONSTRAINT "Conversation_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "Client" ("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "Conversation_companyId_fkey" FOREIGN KEY ("companyId") REFERENCES "Company" ("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

CREATE INDEX IF NOT EXISTS "Conversation_companyId_status_idx" ON "Conversation" ("companyId", "status");

-- A client has one conversation at a time on a number, whatever comes in at once.
CREATE UNIQUE INDEX IF NOT EXISTS "Conversation_unfinished_key" ON "Conversation" ("clientId", "sessionId") WHERE "status" <> 'FINISHED';

-- What the helpdesk shows as the history of a number: written by a trigger, whoever changes the status.
CREATE TABLE IF NOT EXISTS "SessionHistory" (
  "id"        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  "sessionId" TEXT NOT NULL,
  "status"    "WhatsAppSessionStatus" NOT NULL,
  "at"        TIMESTAMP(3) NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'),
  CONSTRAINT "SessionHistory_sessionId_fkey" FOREIGN KEY ("sessionId") REFERENCES "WhatsAppSession" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE OR REPLACE FUNCTION note_session_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "SessionHistory" ("sessionId", "status") VALUES (NEW."id", NEW."status");
  RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER note_session_status
  AFTER UPDATE OF "status" ON "WhatsAppSession"
  FOR EACH ROW WHEN (OLD."status" IS DISTINCT FROM NEW."status") EXECUTE FUNCTION note_session_status();

-- A conversation that is finished has an end, and one that is open again has none.
CREATE OR REPLACE FUNCTION keep_finished_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW."status" = 'FINISHED' THEN
    NEW."finishedAt" := COALESCE(NEW."finishedAt", clock_timestamp() AT TIME ZONE 'UTC');
  ELSE
    NEW."finishedAt" := NULL;
  END IF;
  RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER keep_finished_at
  BEFORE UPDATE OF "status" ON "Conversation"
  FOR EACH ROW EXECUTE FUNCTION keep_finished_at();
