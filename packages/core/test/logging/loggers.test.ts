import { Writable } from 'node:stream';
import { inspect } from 'node:util';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import winston from 'winston';
import {
  consoleLogger,
  createMemoryStore,
  createWaSync,
  fromWinston,
  type Logger,
  WaSyncError,
} from '../../src/index.js';

const cause = Object.assign(new TypeError('connect ECONNREFUSED 10.0.0.1:5432 for 5511999991234'), {
  code: 'ECONNREFUSED',
  // As ioredis and pg put commands and parameters on their errors.
  command: { name: 'hset', args: ['creds', 'SECRET'] },
});
const failure = new WaSyncError('store_unreachable', 'Postgres cannot be reached\u001b[2J\nfake line', { cause });

/** One error line as a part of wa-sync writes it, through the logger as `createWaSync` hands it on. */
function writeThrough(logger: Logger): void {
  const wa = createWaSync({ store: createMemoryStore(), logger });
  wa.logger.error(
    { code: 'store_unreachable', sessionId: 'wa-5511999991234', err: failure },
    'The store is \u009bgone',
  );
}

function collect() {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk, _, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  return { stream, text: () => chunks.join('') };
}

const HERE = /logging[\\/]loggers\.test\.ts/;

function expectWhole(text: string): void {
  for (const part of ['The store is', 'Postgres cannot be reached', 'connect ECONNREFUSED', 'store_unreachable'])
    expect(text).toContain(part);
  expect(text).toMatch(HERE);
  expect(text).toContain('…1234');
  for (const hidden of ['5511999991234', 'SECRET', '\u001b', '\u009b']) expect(text).not.toContain(hidden);
}

describe('an error in the log', () => {
  it('comes out of pino with type, message, stack and code', () => {
    const { stream, text } = collect();
    writeThrough(pino(stream));
    expectWhole(text());
    const { err, msg, sessionId } = JSON.parse(text()) as Record<string, Record<string, unknown>>;
    expect(err).toMatchObject({ type: 'WaSyncError', code: 'store_unreachable', stack: expect.stringMatching(HERE) });
    expect(err?.message).toMatch(/^Postgres cannot be reached.*: connect ECONNREFUSED 10\.0\.0\.1:5432/);
    expect([msg, sessionId]).toEqual(['The store is \\u009bgone', 'wa-…1234']);
  });

  it.each([
    ['json', winston.format.json()],
    ['simple', winston.format.simple()],
    [
      'errors and printf',
      winston.format.combine(winston.format.errors({ stack: true }), winston.format.printf(inspect)),
    ],
  ])('comes out of winston in the format %s', (_, format) => {
    const { stream, text } = collect();
    writeThrough(
      fromWinston(winston.createLogger({ format, transports: [new winston.transports.Stream({ stream })] })),
    );
    expectWhole(text());
    expect(text()).toContain('ECONNREFUSED');
  });

  it('comes out of a winston with the levels of syslog', () => {
    const { stream, text } = collect();
    const transports = [new winston.transports.Stream({ stream })];
    const logger = fromWinston(winston.createLogger({ levels: winston.config.syslog.levels, transports }));
    logger.warn({ code: 'x' }, 'from warn');
    expect(JSON.parse(text())).toEqual({ level: 'warning', code: 'x', message: 'from warn' });
  });

  it.each([
    ['consoleLogger', () => consoleLogger()],
    ['the default', () => undefined],
    ['the console itself', () => console as Logger],
  ])('comes out of %s, in lines of which none holds a control character', (_, logger) => {
    const lines: string[] = [];
    const spied = vi.spyOn(console, 'error').mockImplementation((...parts: unknown[]) => {
      lines.push(parts.map((part) => (typeof part === 'string' ? part : inspect(part))).join(' '));
    });
    try {
      writeThrough(logger() as Logger);
    } finally {
      spied.mockRestore();
    }
    expectWhole(lines.join('\n'));
  });
});

describe('a logger of another shape', () => {
  const refusal = (logger: unknown) => {
    try {
      createWaSync({ store: createMemoryStore(), logger: logger as Logger });
    } catch (error) {
      return error as WaSyncError;
    }
    throw new Error('It was taken');
  };

  it.each([
    ['a winston logger', winston.createLogger(), /^Option logger takes .*fromWinston\(logger\)$/],
    ['winston itself', winston, /^Option logger takes .*fromWinston\(logger\)$/],
    [
      'a logger of Nest',
      { log() {}, warn() {}, error() {}, debug() {}, verbose() {} },
      /nestLogger\(\) of @wa-sync\/nest$/,
    ],
    [
      'a function',
      console.log,
      /takes a logger with debug, info, warn and error, such as pino\(\) or consoleLogger\(\)$/,
    ],
    ['null', null, /takes a logger with debug, info, warn and error/],
  ])('is refused at creation: %s', (_, logger, words) => {
    expect(refusal(logger)).toMatchObject({ code: 'config_invalid', message: expect.stringMatching(words) });
  });

  it('is refused by fromWinston where it lacks a level', () => {
    const levels = { error: 0, info: 1 };
    expect(() => fromWinston(winston.createLogger({ levels }) as never)).toThrow(/this one has no debug\(\)/);
  });
});

describe('a logger that fails', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('disk full\n\u001b[31m');
      },
    ],
    ['rejects', () => Promise.reject(new Error('disk full\n\u001b[31m'))],
  ])('ends nothing when it %s, and the console says so once', async (_, fail) => {
    const lines: unknown[] = [];
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const spied = vi.spyOn(console, 'error').mockImplementation((line: unknown) => void lines.push(line));
    try {
      const logger = { debug: fail, info: fail, warn: fail, error: fail } as unknown as Logger;
      const store = createMemoryStore();
      const wa = createWaSync({ store, logger });
      wa.on('ownership:gained', () => {
        throw new Error('listener');
      });
      await wa.start();
      await wa.sessions.create({ id: 'a' });
      expect((await wa.syncNow()).totals).toBeDefined();
      await wa.stop();
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      spied.mockRestore();
      process.off('unhandledRejection', unhandled);
    }
    expect(unhandled).not.toHaveBeenCalled();
    expect(lines).toEqual(['[wa-sync] The logger failed, its line is lost: disk full\\n\\u001b[31m']);
  });
});
