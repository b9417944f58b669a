import { type DynamicModule, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { baileysProvider, type ConversationOf } from '@wa-sync/baileys';
import { nestLogger, WaSyncModule, type WaSyncModuleOptions } from '@wa-sync/nest';
import { createPostgresStore, prismaConversation, prismaWhatsAppSession } from '@wa-sync/postgres';
import type pg from 'pg';
import { DatabaseModule } from './database-module.js';
import { HealthController } from './health-controller.js';
import { HelpdeskController } from './helpdesk-controller.js';
import { HelpdeskTables } from './helpdesk-tables.js';
import { OpenSessions } from './open-sessions.js';
import { SessionAlerts } from './session-alerts.js';
import type { Settings } from './settings.js';
import { POOL, SETTINGS } from './tokens.js';

/** The helpdesk's own tables that wa-sync keeps true. */
const MIRROR = { sessions: prismaWhatsAppSession(), conversations: prismaConversation({ sessionId: 'sessionId' }) };

/**
 * A helpdesk as many are: Nest, Postgres and tables of its own, of which wa-sync keeps `"WhatsAppSession"` true, and
 * closes the inactive ones of `"Conversation"`.
 */
@Module({})
export class AppModule {
  static with(settings: Settings): DynamicModule {
    const database = DatabaseModule.with(settings);
    const waSync = WaSyncModule.forRootAsync({
      imports: [database],
      inject: [POOL, SETTINGS, HelpdeskTables],
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

function configureWaSync(pool: pg.Pool, settings: Settings, tables: HelpdeskTables): WaSyncModuleOptions {
  const logger = nestLogger();
  const store = createPostgresStore({ pool, mirror: MIRROR });
  // So that inactive conversations are closed in the helpdesk's own table.
  const conversationOf: ConversationOf = ({ sessionId, chat, phoneJid, isGroup, message }) =>
    isGroup ? null : tables.conversationWith({ chat: phoneJid ?? chat, name: message.pushName ?? 'Client', sessionId });
  return {
    ...settings.waSync,
    replicaId: settings.replicaId,
    currentSession: settings.sessions[0],
    store,
    provider: baileysProvider({ ...settings.baileys, auth: store.auth, conversationOf }),
    logger,
    http: { ...settings.http, auth: { tokens: settings.tokens } },
  };
}
