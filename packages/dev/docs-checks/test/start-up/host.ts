/** What a page takes for granted in its reader's app. */
import { makeWASocket as makeSocket, useMultiFileAuthState as readFiles } from '@whiskeysockets/baileys';
import express from 'express';
import pg from 'pg';

export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
export const app = express();
app.listen(Number(process.env.PORT ?? 0), '127.0.0.1');
export const { state, saveCreds } = await readFiles(process.env.AUTH_FOLDER ?? '');
const quiet = { level: 'silent', child: () => quiet, trace() {}, debug() {}, info() {}, warn() {}, error() {} };
/** The host's own logger of Baileys is silent, so that an error on the output is one of the page's. */
export const makeWASocket: typeof makeSocket = (config) => makeSocket({ logger: quiet, ...config });
