import { type DynamicModule, Logger, Module } from '@nestjs/common';
import { errorLine, loggableError } from '@wa-sync/core';
import pg from 'pg';
import { HelpdeskTables } from './helpdesk-tables.js';
import type { Settings } from './settings.js';
import { POOL, SETTINGS } from './tokens.js';

/** The app's pool and tables. */
@Module({})
export class DatabaseModule {
  static with(settings: Settings): DynamicModule {
    return {
      module: DatabaseModule,
      providers: [
        { provide: SETTINGS, useValue: settings },
        { provide: POOL, useFactory: () => openPool(settings.databaseUrl) },
        HelpdeskTables,
      ],
      exports: [SETTINGS, POOL, HelpdeskTables],
    };
  }
}

function openPool(connectionString: string): pg.Pool {
  const logger = new Logger('Database');
  const pool = new pg.Pool({ connectionString });
  // Without a listener a broken unused connection would end the process.
  pool.on('error', (error) => logger.warn(`An unused connection broke: ${errorLine(loggableError(error))}`));
  return pool;
}
