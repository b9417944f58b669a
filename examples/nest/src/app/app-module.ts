import { type DynamicModule, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { baileysProvider, type ConversationOf } from '@wa-sync/baileys';
import type { AppOptions } from '@wa-sync/example-kit';
import { createPostgresStore, prismaConversation, prismaWhatsAppSession } from '@wa-sync/postgres';
import type pg from 'pg';
import { nestLogger, WaSyncModule, type WaSyncModuleOptions } from '../index.js';
import { DatabaseModule } from './database-module.js';
import { HealthController } from './health-controller.js';
import { HelpdeskController } from './helpdesk-controller.js';
import { HelpdeskTables } from './helpdesk-tables.js';
import { OpenSessions } from './open-sessions.js';
import { SessionAlerts } from './session-alerts.js';
import { APP_OPTIONS, POOL } from './tokens.js';

/** The helpdesk's own tables that wa-sync keeps true. */
const MIRROR = { sessions: prismaWhatsAppSession(), conversations: prismaConversation({ sessionId: 'sessionId' }) };

/**
 * A helpdesk as many are: Nest, Postgres and tables of its own, of which wa-sync keeps `"WhatsAppSession"` true, and closes
 * the quiet ones of `"Conversation"`.
 */
@Module({})
export class AppModule {
  static with(options: AppOptions): DynamicModule {
    const database = DatabaseModule.with(options);
    const waSync = WaSyncModule.forRootAsync({
      imports: [database],
      inject: [POOL, APP_OPTIONS, HelpdeskTables],
      useFactory: configureWaSync,
    });
    return {
      module: AppModule,
      imports: [database, waSync, TerminusModule],
      controllers: [HelpdeskController, HealthController],
      providers: [OpenSessions, SessionAlerts],
    };
  }
}

function configureWaSync(pool: pg.Pool, options: AppOptions, tables: HelpdeskTables): WaSyncModuleOptions {
  const logger = nestLogger();
  const store = createPostgresStore({ pool, mirror: MIRROR });
  // So that quiet conversations are closed in the helpdesk's own table.
  const conversationOf: ConversationOf = ({ sessionId, chat, phoneJid, isGroup, message }) =>
    isGroup ? null : tables.conversationWith({ chat: phoneJid ?? chat, name: message.pushName ?? 'Client', sessionId });
  const { waWebSocketUrl } = options;
  const socketConfig = { ...(waWebSocketUrl ? { waWebSocketUrl } : {}), ...options.baileys?.socketConfig };
  return {
    ...options.waSync,
    replicaId: options.replicaId,
    currentSession: options.sessions?.[0],
    store,
    provider: baileysProvider({ ...options.baileys, auth: store.auth, conversationOf, socketConfig }),
    logger,
    http: { ...options.http, auth: { tokens: options.tokens } },
  };
}
