/**
 * What an app writes in TypeScript: every package and every entry, with the clients that it has, and two slips that
 * have to be found.
 */
export const TYPED_APP = `
import { createMemoryStore, createWaSync, type WaSyncOptions } from '@wa-sync/core';
import { type AuthKeyRing, parseOptions } from '@wa-sync/core/adapter';
import { baileysProvider } from '@wa-sync/baileys';
import { createPostgresStore, prismaWhatsAppSession } from '@wa-sync/postgres';
import { createRedisStore } from '@wa-sync/redis';
import { createHttpHandler, ROUTES, toNodeHandler } from '@wa-sync/http';
import { createMetrics } from '@wa-sync/http/metrics';
import { createWaSyncRouter } from '@wa-sync/express';
import { createServer } from 'http';
import express from 'express';
import { Pool } from 'pg';
import { Redis } from 'ioredis';

const keyRing: AuthKeyRing = { current: 'k1', keys: { k1: new Uint8Array(32) } };
const pool = new Pool({ connectionString: process.env.DATABASE_URL });
const store = createPostgresStore({ pool, mirror: { sessions: prismaWhatsAppSession() }, auth: { keyRing } });
const redis = createRedisStore({ client: new Redis({ lazyConnect: true }), auth: { keyRing } });
const provider = baileysProvider({ auth: store.auth });
const options: WaSyncOptions = { store, provider, timeZone: 'America/Sao_Paulo' };
// @ts-expect-error There is no such option.
const slip: WaSyncOptions = { store, replicaID: 'web-1' };

export async function main() {
  const wa = createWaSync(options);
  await wa.start();
  const answer = await wa.status();
  const connected: boolean = answer.connected;
  // @ts-expect-error It is not a number: nothing of this came out as any.
  const count: number = answer.connected;
  for (const { id, status } of (await wa.syncNow()).sessions.map(({ id, stored }) => ({ id, status: stored }))) {
    const word: string | null = status;
    console.log(id.toUpperCase(), word);
  }
  wa.on('session:changed', (event) => console.log(event.sessionId.toUpperCase()));
  const handler = createHttpHandler(wa, { auth: { tokens: ['a-token-of-16-letters'] }, metrics: createMetrics(wa) });
  createServer(toNodeHandler(handler)).listen(0);
  const app = express();
  app.use('/whatsapp', createWaSyncRouter(wa, { auth: 'none' }));
  console.log(connected, count, ROUTES.map(({ method, path, role }) => method + path + role), redis, slip, createMemoryStore, parseOptions);
}
`;

/**
 * Of a compiler: all that it finds in our types and in the app. Old compilers also fail on types of others, which is
 * not asked here.
 */
export const CHECK_TYPES = `
const ts = require(process.argv[2]);
const { readFileSync } = require('fs');
const root = process.cwd();
const found = [];
for (const [file, module, moduleResolution] of JSON.parse(process.argv[3])) {
  const { options, errors } = ts.convertCompilerOptionsFromJson(
    { strict: true, noEmit: true, target: 'es2020', esModuleInterop: true, types: ['node'], skipLibCheck: false, module, moduleResolution,
      ...(Number(ts.version.split('.')[0]) >= 6 ? { ignoreDeprecations: '6.0' } : {}) },
    root,
  );
  const program = ts.createProgram([root + '/' + file], options);
  const diagnostics = [...errors, ...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()];
  const ours = program.getSourceFiles().filter(({ fileName }) => !/node_modules\\/(?!(@wa-sync\\/|wa-sync\\/))/.test(fileName) && !/\\/lib\\.[^/]*d\\.ts$/.test(fileName));
  for (const source of ours) diagnostics.push(...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source));
  const types = ours.filter(({ fileName }) => fileName.includes('@wa-sync/')).map(({ fileName }) => fileName.slice(fileName.indexOf('@wa-sync/')));
  const zod = program.getSourceFiles().filter(({ fileName }) => fileName.includes('node_modules/zod/')).length;
  found.push({
    file, module, moduleResolution, zod, types: types.sort(),
    errors: diagnostics.map((each) => (each.file ? each.file.fileName.slice(root.length + 1) + ':' + (each.file.getLineAndCharacterOfPosition(each.start).line + 1) + ' ' : '') + ts.flattenDiagnosticMessageText(each.messageText, ' ')),
  });
}
console.log(JSON.stringify(found));
`;
