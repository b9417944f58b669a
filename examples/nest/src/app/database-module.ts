import { type DynamicModule, Logger, Module } from '@nestjs/common';
import type { AppOptions } from '@wa-sync/example-kit';
import pg from 'pg';
import { HelpdeskTables } from './helpdesk-tables.js';
import { APP_OPTIONS, POOL } from './tokens.js';

/** The app's pool and tables. */
@Module({})
export class DatabaseModule {
  static with(options: AppOptions): DynamicModule {
    return {
      module: DatabaseModule,
      providers: [
        { provide: APP_OPTIONS, useValue: options },
        { provide: POOL, useFactory: () => openPool(options.databaseUrl) },
        HelpdeskTables,
      ],
      exports: [APP_OPTIONS, POOL, HelpdeskTables],
    };
  }
}

function openPool(connectionString: string): pg.Pool {
  const logger = new Logger('Database');
  const pool = new pg.Pool({ connectionString });
  // Without a listener a broken idle connection would end the process.
  pool.on('error', (error) => logger.warn(`An idle connection broke: ${error.message}`));
  return pool;
}
