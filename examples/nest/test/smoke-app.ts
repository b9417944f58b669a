import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  Module,
  type OnModuleDestroy,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createMemoryStore, systemClock, type WaSyncEvents } from '@wa-sync/core';
import { createScriptedConnection } from '@wa-sync/testing';
import { OnWaSync, WaSyncHealthIndicator, WaSyncModule, WaSyncService } from '../src/index.js';

// Bundled and run on each major of Nest: what it prints is compared with what Nest 12 gives.
// No await outside of a function: it is bundled as CommonJS too.
/** What the start says where the host has a route of ours already. */
async function startTaken(adapter: ExpressAdapter | FastifyAdapter): Promise<unknown> {
  @Controller('wa')
  class Taken {
    @Get('status')
    show() {}
  }
  const waSync = WaSyncModule.forRoot({ store: createMemoryStore(), http: { auth: 'none' }, routes: { path: 'wa' } });
  @Module({ imports: [waSync], controllers: [Taken] })
  class TakenModule {}
  const app = await NestFactory.create(TakenModule, adapter, { logger: false, abortOnError: false });
  const said = await app
    .setGlobalPrefix('api')
    .init()
    .then(
      () => null,
      (error: Error) => error.message,
    );
  await app.close().catch(() => {});
  return said;
}

async function smoke(adapter: ExpressAdapter | FastifyAdapter, another: ExpressAdapter | FastifyAdapter) {
  const taken = await startTaken(another);
  const memory = createMemoryStore();
  const heard: string[] = [];
  const order: string[] = [];

  @Injectable()
  class Database implements OnModuleDestroy {
    readonly store = { ...memory, close: async () => void order.push('store closed') };
    onModuleDestroy(): void {
      order.push('database closed');
    }
  }
  @Module({ providers: [Database], exports: [Database] })
  class DatabaseModule {}

  @Injectable()
  class Guard implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      return context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-user'] !== 'guest';
    }
  }

  @Injectable()
  class Alerts {
    @OnWaSync('session:changed')
    alert({ sessionId, to }: WaSyncEvents['session:changed']): void {
      heard.push(`${sessionId} ${to}`);
    }
  }

  @Module({
    imports: [
      WaSyncModule.forRootAsync({
        imports: [DatabaseModule],
        inject: [Database],
        useFactory: ({ store }: Database) => ({ store, jobs: { sync: false }, http: { auth: 'none' } }),
        routes: { path: 'wa', guards: [Guard] },
      }),
    ],
    providers: [Alerts],
  })
  class SmokeModule {}

  const app = await NestFactory.create(SmokeModule, adapter, { logger: ['error'], abortOnError: false });
  app.setGlobalPrefix('api');
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as { port: number };
  const wa = app.get(WaSyncService, { strict: false });
  await wa.sessions.create({ id: 'sales' });
  await wa.attach(createScriptedConnection({ sessionId: 'sales', clock: systemClock, hostOwned: true })).ready;
  await wa.syncNow('sales');

  const ask = async (path: string, options: RequestInit = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/wa${path}`, {
      headers: { connection: 'close' },
      ...options,
    });
    return [response.status, (await response.json()) as Record<string, unknown>] as const;
  };
  const [status, { connected }] = await ask('/status?sessionId=sales');
  const [synced] = await ask('/sync-status?sessionId=sales', {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
  });
  const [, { id }] = await ask('/sessions/sales');
  const [wrongMethod] = await ask('/status', { method: 'DELETE' });
  const [guest] = await ask('/status', { headers: { 'x-user': 'guest', connection: 'close' } });
  const [, { servers }] = await ask('/openapi.json');
  const health = await app.get(WaSyncHealthIndicator, { strict: false }).isHealthy('wa-sync');
  await app.close();
  const [row] = await memory.sessions.get({ ids: ['sales'] });
  return { status, connected, synced, id, wrongMethod, guest, servers, health, heard, order, left: row?.status, taken };
}

async function main() {
  return {
    express: await smoke(new ExpressAdapter(), new ExpressAdapter()),
    fastify: await smoke(new FastifyAdapter(), new FastifyAdapter()),
  };
}

main().then(
  (told) => console.log(JSON.stringify(told)),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
