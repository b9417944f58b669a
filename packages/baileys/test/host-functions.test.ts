import { EventEmitter } from 'node:events';
import type { Logger } from '@wa-sync/core';
import { describe, expect, it } from 'vitest';
import { observeBaileysSocket } from '../src/index.js';
import { containBaileysLogger } from '../src/patches/silence-logs.js';

function createSocket() {
  const ws = Object.assign(new EventEmitter(), { isOpen: true });
  return { ev: new EventEmitter(), ws, query: async () => ({}), end: async () => {} };
}

describe('onDeadReport', () => {
  it.each([
    ['rejects', () => Promise.reject(new Error('of the host')), 1],
    [
      'throws',
      () => {
        throw new Error('of the host');
      },
      1,
    ],
    ['hangs', () => new Promise<never>(() => {}), 0],
  ] as const)('that %s keeps no socket from being ended', async (_, onDeadReport, lines) => {
    let ended = 0;
    const countEnd = async () => {
      ended += 1;
    };
    const socket = { ...createSocket(), end: countEnd };
    const given = socket as unknown as Parameters<typeof observeBaileysSocket>[0]['socket'];
    const connection = observeBaileysSocket({ sessionId: 'a', socket: given, onDead: 'end', onDeadReport });
    const logged: unknown[] = [];
    const logger: Logger = { debug() {}, info() {}, warn() {}, error: (fields) => void logged.push(fields.function) };
    connection.useLogger?.({ logger });
    void connection.heal({ reason: 'silent' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toBe(1);
    expect(logged).toEqual(Array(lines).fill('onDeadReport'));
    await connection.close({ reason: 'test' });
  });
});

describe('a logger that the host gives to Baileys', () => {
  it('throws into none of its handlers, and neither do its children', () => {
    const bad = () => {
      throw new Error('of the host');
    };
    const lines: unknown[] = [];
    const logger = {
      level: 'info',
      info: bad,
      async error() {
        bad();
      },
      warn(this: { level: string }, line: string) {
        lines.push([this.level, line]);
      },
      child: () => Object.freeze({ level: 'debug', info: bad, child: bad }),
    };
    const contained = containBaileysLogger(logger);
    contained.level = 'warn';
    contained.info();
    void contained.error();
    contained.warn('seen');
    contained.child().info();
    expect(contained.child().child()).toBeDefined();
    expect(lines).toEqual([['warn', 'seen']]);
    expect(containBaileysLogger(undefined)).toBeUndefined();
  });
});
