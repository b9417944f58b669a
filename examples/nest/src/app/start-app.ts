import type { AddressInfo } from 'node:net';
import type { INestApplication, LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { AppOptions } from '@wa-sync/example-kit';
import type { Trust } from '@wa-sync/fake-whatsapp';
import { AppModule } from './app-module.js';

/** The app while it runs. */
export interface RunningApp {
  readonly url: string;
  readonly app: INestApplication;
  /** Writes what the end means for the sessions, closes the server and the pool. */
  stop(): Promise<void>;
}

/**
 * Starts the app.
 *
 * @throws WaSyncError `config_invalid`, `store_unreachable`, `replica_id_in_use` and what else a start can end with
 */
export async function startApp(
  options: AppOptions,
  { logger }: { logger?: LoggerService | false } = {},
): Promise<RunningApp> {
  const distrust = options.trust ? await believe(options.trust) : () => {};
  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(options), {
    // An error of the start goes to `main`, which says it in one line.
    abortOnError: false,
    forceCloseConnections: true,
    ...(logger === undefined ? {} : { logger }),
  });
  const stop = async () => {
    await app.close();
    distrust();
  };
  try {
    app.enableShutdownHooks();
    await app.listen(options.port ?? 3_000, options.host ?? '127.0.0.1');
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
  const { address, port } = app.getHttpServer().address() as AddressInfo;
  return { url: `http://${address}:${port}`, app, stop };
}

async function believe(trust: Trust): Promise<() => void> {
  const { trustFakeWhatsApp } = await import('@wa-sync/fake-whatsapp');
  return trustFakeWhatsApp(trust);
}
