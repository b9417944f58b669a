import { type DynamicModule, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { baileysProvider } from '@wa-sync/baileys';
import { createPostgresStore, prismaWhatsAppSession } from '@wa-sync/postgres';
import type pg from 'pg';
import { nestLogger, WaSyncModule, type WaSyncModuleOptions } from '../index.js';
import type { AppOptions } from './app-options.js';
import { DatabaseModule } from './database-module.js';
import { HealthController } from './health-controller.js';
import { HelpdeskController } from './helpdesk-controller.js';
import { OpenSessions } from './open-sessions.js';
import { SessionAlerts } from './session-alerts.js';
import { APP_OPTIONS, POOL } from './tokens.js';

/** A helpdesk as many are: Nest, Postgres and tables of its own, of which wa-sync keeps `"WhatsAppSession"` true. */
@Module({})
export class AppModule {
  static with(options: AppOptions): DynamicModule {
    const database = DatabaseModule.with(options);
    const waSync = WaSyncModule.forRootAsync({
      imports: [database],
      inject: [POOL, APP_OPTIONS],
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

function configureWaSync(pool: pg.Pool, options: AppOptions): WaSyncModuleOptions {
  const logger = nestLogger();
  const store = createPostgresStore({ pool, logger, mirror: { sessions: prismaWhatsAppSession() } });
  const { waWebSocketUrl } = options;
  const socketConfig = { ...(waWebSocketUrl ? { waWebSocketUrl } : {}), ...options.baileys?.socketConfig };
  return {
    ...options.waSync,
    replicaId: options.replicaId,
    currentSession: options.sessions?.[0],
    store,
    provider: baileysProvider({ ...options.baileys, auth: store.auth, logger, socketConfig }),
    logger,
    http: { ...options.http, auth: { tokens: options.tokens } },
  };
}
