import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';

const SCHEMA = `
generator client {
  provider = "prisma-client-js"
  output   = "./client"
}
datasource db {
  provider = "postgresql"
}
enum WhatsAppSessionStatus {
  DISCONNECTED
  CONNECTING
  CONNECTED
  QR_CODE
  ERROR
}
enum ConversationStatus {
  ACTIVE
  PAUSED
  FINISHED
  ESCALATED
}
model WhatsAppSession {
  id          String                @id @default(uuid())
  companyId   String
  sessionName String
  phoneNumber String?
  status      WhatsAppSessionStatus @default(DISCONNECTED)
  qrCode      String?
  lastSeen    DateTime?
  error       String?
  active      Boolean               @default(true)
  createdAt   DateTime              @default(now())
  updatedAt   DateTime              @updatedAt
}
model Conversation {
  id         String             @id @default(uuid())
  clientId   String
  companyId  String
  status     ConversationStatus @default(ACTIVE)
  finishedAt DateTime?
  updatedAt  DateTime           @updatedAt
}
`;

interface SessionRow {
  id: string;
  companyId: string;
  sessionName: string;
  phoneNumber: string | null;
  status: 'DISCONNECTED' | 'CONNECTING' | 'CONNECTED' | 'QR_CODE' | 'ERROR';
  qrCode: string | null;
  lastSeen: Date | null;
  error: string | null;
  active: boolean;
  createdAt: Date;
  updatedAt: Date;
}

interface ConversationRow {
  id: string;
  clientId: string;
  companyId: string;
  status: 'ACTIVE' | 'PAUSED' | 'FINISHED' | 'ESCALATED';
  finishedAt: Date | null;
  updatedAt: Date;
}

/**
 * The calls of a generated model that the tests make; the client is generated when they run, and so are its own types.
 */
interface Model<Row> {
  create(params: { data: Partial<Row> }): Promise<Row>;
  update(params: { where: { id: string }; data: Partial<Row> }): Promise<Row>;
  findUniqueOrThrow(params: { where: { id: string } }): Promise<Row>;
  findMany(params: { where: Partial<Row>; orderBy: { id: 'asc' } }): Promise<Row[]>;
}

/** A Prisma Client of the two tables. */
export interface PrismaClientLike {
  readonly whatsAppSession: Model<SessionRow>;
  readonly conversation: Model<ConversationRow>;
  $disconnect(): Promise<void>;
}

/**
 * Generates a real Prisma Client into a scratch folder. The tables are made by SQL, so that the engine for schemas,
 * which is downloaded, is not needed.
 */
export async function generatePrismaClient(): Promise<{
  connect(pool: pg.PoolConfig): PrismaClientLike;
  remove(): Promise<void>;
}> {
  const modules = join(import.meta.dirname, '../node_modules');
  const folder = await mkdtemp(join(modules, '.wa-sync-prisma-'));
  const [schema, engine] = [join(folder, 'schema.prisma'), join(folder, 'engine')];
  await writeFile(schema, SCHEMA);
  await writeFile(engine, '#!/bin/sh\nexit 0\n');
  await chmod(engine, 0o755);
  const env = {
    ...process.env,
    PRISMA_SCHEMA_ENGINE_BINARY: engine,
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
  };
  await promisify(execFile)(join(modules, '.bin/prisma'), ['generate', '--schema', schema], { env, cwd: folder });
  const { PrismaClient } = createRequire(import.meta.url)(join(folder, 'client')) as {
    PrismaClient: new (options: { adapter: PrismaPg }) => PrismaClientLike;
  };
  return {
    connect: (pool) => new PrismaClient({ adapter: new PrismaPg(pool) }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
