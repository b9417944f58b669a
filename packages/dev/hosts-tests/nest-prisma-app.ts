import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostApp } from './create-host-app.js';
import { readFences } from './read-page.js';

/** What `nest new` and Prisma's own guide for Nest bring. */
export const NEST_PRISMA_DEPENDENCIES = {
  '@nestjs/common': '12.5.1',
  '@nestjs/core': '12.5.1',
  '@nestjs/platform-express': '12.5.1',
  '@prisma/adapter-pg': '7.10.0',
  '@prisma/client': '7.10.0',
  prisma: '7.10.0',
  'reflect-metadata': '0.2.2',
  rxjs: '7.8.2',
  typescript: '6.0.3',
  '@types/node': '20.19.43',
};

/** The models are those of the page about Postgres, word for word, so that Prisma itself reads them. */
const schema = () => `generator client {
  provider = "prisma-client"
  output   = "../src/generated/prisma"
}

datasource db {
  provider = "postgresql"
}

model Company {
  id   String @id
  name String
}

${readFences('docs/POSTGRES.md', 'prisma').join('\n')}`;

/** As `nest new` writes it, and strict. */
const TSCONFIG = JSON.stringify({
  compilerOptions: {
    module: 'nodenext',
    target: 'ES2023',
    rootDir: './src',
    outDir: './dist',
    strict: true,
    skipLibCheck: true,
    emitDecoratorMetadata: true,
    experimentalDecorators: true,
    isolatedModules: true,
    types: ['node'],
  },
  include: ['src'],
});

/**
 * The host's business: it makes its row by Prisma, and prints what Prisma reads of it whenever that is another than
 * before.
 */
const SALES_MODULE = `
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from './generated/prisma/client.js';

@Injectable()
export class PrismaService extends PrismaClient {
  constructor() {
    super({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL }) });
  }
}

@Injectable()
export class SalesService implements OnModuleInit, OnApplicationShutdown {
  private printed = '';
  private ends = false;
  private watching = Promise.resolve();

  constructor(private readonly prisma: PrismaService) {}

  async onModuleInit() {
    const company = { id: 'acme', name: 'Acme' };
    await this.prisma.company.upsert({ where: { id: company.id }, create: company, update: {} });
    const row = { id: 'sales', companyId: company.id, sessionName: 'Sales' };
    await this.prisma.whatsAppSession.upsert({ where: { id: row.id }, create: row, update: {} });
    await this.print();
    this.watching = this.watch();
  }

  async onApplicationShutdown() {
    this.ends = true;
    await this.watching;
    await this.print();
    await this.prisma.$disconnect();
  }

  private async watch() {
    while (!this.ends) {
      await pause(100);
      await this.print();
    }
  }

  private async print() {
    const row = await this.prisma.whatsAppSession.findUniqueOrThrow({ where: { id: 'sales' } });
    const text = JSON.stringify({ status: row.status, qr: row.qrCode });
    if (text === this.printed) return;
    this.printed = text;
    console.log(\`ROW \${text} written \${Math.round((Date.now() - row.updatedAt.getTime()) / 1000)} s ago\`);
  }
}

@Module({ providers: [PrismaService, SalesService], exports: [PrismaService] })
export class SalesModule {}
`;

/** The host's own root module: the page's, which stays as it is pasted, and the host's. */
const APP_MODULE = `
import { Module } from '@nestjs/common';
import { SalesModule } from './sales.module.js';
import { AppModule as WhatsAppModule } from './whatsapp.module.js';

@Module({ imports: [SalesModule, WhatsAppModule] })
export class AppModule {}
`;

/** A Nest host on Prisma, as it is before it meets the page. */
export const nestPrismaApp = (): Record<string, string> => ({
  'tsconfig.json': TSCONFIG,
  'prisma/schema.prisma': schema(),
  'src/sales.module.ts': SALES_MODULE,
  'src/app.module.ts': APP_MODULE,
});

/**
 * `prisma generate` in an app, with something in place of the engine for migrations, which is downloaded and makes no
 * client.
 */
export async function generatePrismaClient(app: HostApp): Promise<void> {
  const engine = join(app.folder, 'no-engine');
  await app.write({ 'no-engine': '#!/bin/sh\nexit 0\n' });
  await chmod(engine, 0o755);
  const env = { PRISMA_SCHEMA_ENGINE_BINARY: engine, CHECKPOINT_DISABLE: '1' };
  await app.run('./node_modules/.bin/prisma', ['generate'], { env });
}
