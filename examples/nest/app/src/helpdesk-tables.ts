import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type pg from 'pg';
import { applySchema } from './apply-schema.js';
import type { Settings } from './settings.js';
import { POOL, SETTINGS } from './tokens.js';

/** One row of the host, as its own pages show it. */
interface SessionRow {
  readonly id: string;
  readonly sessionName: string;
  readonly status: string;
  readonly error: string | null;
  readonly updatedAt: string;
}

interface ConversationRow {
  readonly id: string;
  readonly client: string;
  readonly status: string;
  readonly finishedAt: string | null;
}

const ENSURE_COMPANY = `INSERT INTO "Company" ("id", "name") VALUES ('example', 'Example') ON CONFLICT ("id") DO NOTHING`;

const ENSURE_SESSIONS = `
  INSERT INTO "WhatsAppSession" ("id", "companyId", "sessionName", "updatedAt")
  SELECT id, 'example', id, clock_timestamp() AT TIME ZONE 'UTC' FROM unnest($1::text[]) AS id
  ON CONFLICT ("id") DO NOTHING`;

const LIST_SESSIONS = `
  SELECT "id", "sessionName", "status"::text, "error", to_char("updatedAt", 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "updatedAt"
  FROM "WhatsAppSession" ORDER BY "id" LIMIT 100`;

const LIST_CONVERSATIONS = `
  SELECT c."id", p."name" AS "client", c."status"::text, to_char(c."finishedAt", 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "finishedAt"
  FROM "Conversation" c JOIN "Client" p ON p."id" = c."clientId" ORDER BY c."updatedAt" DESC, c."id" LIMIT 100`;

/** The client who writes, and the conversation that is not finished yet: found, or made. */
const OPEN_CONVERSATION = `
  WITH client AS (
    INSERT INTO "Client" ("id", "companyId", "name", "chat") VALUES (gen_random_uuid()::text, 'example', $2, $1)
    ON CONFLICT ("companyId", "chat") DO UPDATE SET "chat" = EXCLUDED."chat"
    RETURNING "id"
  )
  INSERT INTO "Conversation" ("id", "clientId", "companyId", "sessionId", "updatedAt")
  SELECT gen_random_uuid()::text, client."id", 'example', $3, clock_timestamp() AT TIME ZONE 'UTC' FROM client
  ON CONFLICT ("clientId", "sessionId") WHERE "status" <> 'FINISHED' DO UPDATE SET "updatedAt" = EXCLUDED."updatedAt"
  RETURNING "id"`;

/** The host's own tables: nothing in here knows of wa-sync. */
@Injectable()
export class HelpdeskTables implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(POOL) private readonly pool: pg.Pool,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  async onModuleInit(): Promise<void> {
    await applySchema(this.pool, this.settings.databaseUrl);
    await this.pool.query(ENSURE_COMPANY);
    await this.pool.query(ENSURE_SESSIONS, [this.settings.sessions]);
  }

  async onApplicationShutdown(): Promise<void> {
    if (!this.pool.ended) await this.pool.end();
  }

  async listSessions(): Promise<readonly SessionRow[]> {
    return (await this.pool.query<SessionRow>(LIST_SESSIONS)).rows;
  }

  async listConversations(): Promise<readonly ConversationRow[]> {
    return (await this.pool.query<ConversationRow>(LIST_CONVERSATIONS)).rows;
  }

  /** The conversation of a message on WhatsApp. */
  async conversationWith(params: { chat: string; name: string; sessionId: string }): Promise<string | null> {
    const { chat, name, sessionId } = params;
    const { rows } = await this.pool.query<{ id: string }>(OPEN_CONVERSATION, [chat, name, sessionId]);
    return rows[0]?.id ?? null;
  }
}
