// An app as the guide shows it, on the platform that is named. It prints its address, and at its end what the row
// says.
import { Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createMemoryStore, systemClock } from '@wa-sync/core';
import { createScriptedConnection } from '@wa-sync/testing';
import { WaSyncModule, WaSyncService } from '../src/index.js';

const store = createMemoryStore();

@Injectable()
class LastWord implements OnApplicationShutdown {
  async onApplicationShutdown(): Promise<void> {
    const [row] = await store.sessions.get({ ids: ['sales'] });
    console.log(row?.status);
  }
}

@Module({
  imports: [WaSyncModule.forRoot({ store, currentSession: 'sales', http: { auth: 'none' } })],
  providers: [LastWord],
})
class AppModule {}

const adapter = process.argv[2] === 'Fastify' ? new FastifyAdapter() : new ExpressAdapter();
const app = await NestFactory.create(AppModule, adapter, {
  logger: false,
  forceCloseConnections: process.argv[3] === 'forced',
});
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
const wa = app.get(WaSyncService, { strict: false });
await wa.sessions.create({ id: 'sales' });
await wa.attach(createScriptedConnection({ sessionId: 'sales', clock: systemClock })).ready;
console.log(`${await app.getUrl()}/whatsapp`);
