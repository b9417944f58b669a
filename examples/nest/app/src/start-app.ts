import type { AddressInfo } from 'node:net';
import type { INestApplication, LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app-module.js';
import type { Settings } from './settings.js';

/** The app while it runs. */
export interface RunningApp {
  readonly url: string;
  readonly app: INestApplication;
}

/**
 * Starts the app.
 *
 * @throws WaSyncError `config_invalid`, `store_unreachable`, `replica_id_in_use` and what else a start can end with
 */
export async function startApp(
  settings: Settings,
  { logger }: { logger?: LoggerService | false } = {},
): Promise<RunningApp> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(settings), {
    // An error of the start goes to `main`, which says it in one line.
    abortOnError: false,
    forceCloseConnections: true,
    ...(logger === undefined ? {} : { logger }),
  });
  try {
    app.enableShutdownHooks();
    await app.listen(settings.port, settings.host);
  } catch (error) {
    await app.close().catch(() => {});
    throw error;
  }
  const { address, port } = app.getHttpServer().address() as AddressInfo;
  return { url: `http://${address}:${port}`, app };
}
