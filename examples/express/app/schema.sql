-- The host app's own table, as Prisma makes it. wa-sync never changes its structure; it only updates rows of it.
-- One call runs all of this in one transaction; the lock keeps two processes that start together apart.
SELECT pg_advisory_xact_lock(hashtext('whatsapp-session-schema'));

DO $$
BEGIN
  CREATE TYPE "WhatsAppSessionStatus" AS ENUM ('DISCONNECTED', 'CONNECTING', 'CONNECTED', 'QR_CODE', 'ERROR');
EXCEPTION
  WHEN duplicate_object THEN NULL;
END
$$;

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
  CONSTRAINT "WhatsAppSession_pkey" PRIMARY KEY ("id")
);
