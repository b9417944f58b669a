import { type INestApplication, type LoggerService, Module, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';

export const PLATFORMS = ['Express', 'Fastify'] as const;
export type Platform = (typeof PLATFORMS)[number];

/** A Nest app that listens on loopback. */
export interface StartedNest {
  readonly app: INestApplication;
  readonly origin: string;
  close(): Promise<void>;
}

/** Starts a Nest app at a port of the system's choice. */
export async function startNest(
  metadata: ModuleMetadata,
  options: {
    platform?: Platform;
    logger?: LoggerService | false;
    bodyParser?: boolean;
    prepare?: (app: INestApplication) => unknown;
  } = {},
): Promise<StartedNest> {
  const { platform = 'Express', logger = false, bodyParser = true, prepare } = options;
  @Module(metadata)
  class TestModule {}
  const adapter = platform === 'Express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = await NestFactory.create(TestModule, adapter, { logger, bodyParser, abortOnError: false });
  try {
    await prepare?.(app);
    await app.listen(0, '127.0.0.1');
  } catch (error) {
    await app.close().catch(() => {});
    throw error;
  }
  const { port } = app.getHttpServer().address() as { port: number };
  return {
    app,
    origin: `http://127.0.0.1:${port}`,
    async close() {
      app.getHttpServer().closeAllConnections();
      await app.close();
    },
  };
}
