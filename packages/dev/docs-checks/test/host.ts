// What a host has, for the snippets that speak of it without saying so. What start-ups have when they are run is in
// start-up/host.ts. Not a .d.ts: the bundler of types reads every one of the workspace.
import type { IncomingMessage } from 'node:http';
import type { Transition, WaSync } from '@wa-sync/core';
import type { HttpHandler, HttpOptions } from '@wa-sync/http';
import type { PostgresStore } from '@wa-sync/postgres';
import type { AuthenticationState, makeWASocket as makeSocket, WASocket } from '@whiskeysockets/baileys';
import type { Express } from 'express';
import type pg from 'pg';

export declare const app: Express;
export declare const auth: HttpOptions['auth'];
export declare const client: import('ioredis').Redis;
export declare const code: string;
export declare const db: { ticket: { findOpen(of: object): Promise<{ id: string } | null> } };
export declare function findUser(cookie: string | null): Promise<{ isAdmin: boolean; sessionIds: string[] } | null>;
export declare function handleChange(change: Transition): Promise<void>;
export declare const handler: HttpHandler;
export declare const log: { warn(fields: object, text: string): void; error(fields: object, text: string): void };
export declare const makeWASocket: typeof makeSocket;
export declare const pool: pg.Pool;
export declare function readEverythingAnew(): Promise<void>;
export declare const request: IncomingMessage;
export declare function saveCreds(): Promise<void>;
export declare const sessionId: string;
export declare function showCode(code: string, expiresAt: Date | null): void;
export declare function showQr(qr: string, expiresAt: Date | null): void;
export declare const socket: WASocket;
export declare const sock: WASocket;
export declare const state: AuthenticationState;
export declare const store: PostgresStore;
export declare const tokens: string[];
export declare const wa: WaSync;

/** A bot that answers on a socket. */
export declare function startBot(socket: unknown): void;
