import { readFile } from 'node:fs/promises';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type pg from 'pg';
import type { AppOptions } from './app-options.js';
import { APP_OPTIONS, POOL } from './tokens.js';

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

/** The host's own tables: nothing in here knows of wa-sync. */
@Injectable()
export class HelpdeskTables implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(POOL) private readonly pool: pg.Pool,
    @Inject(APP_OPTIONS) private readonly options: AppOptions,
  ) {}

  async onModuleInit(): Promise<void> {
    const schema = await readFile(new URL('../../schema.sql', import.meta.url), 'utf8');
    await this.pool.query(schema).catch((cause: unknown) => {
      const target = describeTarget(this.options.databaseUrl);
      throw new Error(`The database at ${target} cannot be used: ${describeCause(cause)}`, { cause });
    });
    await this.pool.query(ENSURE_COMPANY);
    await this.pool.query(ENSURE_SESSIONS, [this.options.sessions ?? []]);
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
}

function describeTarget(databaseUrl: string): string {
  try {
    const { hostname, port } = new URL(databaseUrl);
    return `${hostname}:${port || 5_432}`;
  } catch {
    return 'DATABASE_URL (which is no address)';
  }
}

/** An error of a host name with two addresses has an empty text; its code says enough. */
function describeCause(cause: unknown): string {
  const { code, message } = cause as { code?: unknown; message?: unknown };
  return [message, code].filter((part) => typeof part === 'string' && part !== '').join(' ') || 'no answer';
}
