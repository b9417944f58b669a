import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WhereColumns, WhereValue } from '../src/driver/rows-where.js';
import { compileWhere } from '../src/host-table/compile-where.js';
import type { HostColumn, HostTable } from '../src/host-table/read-catalogue.js';

const column = (name: string, fields: Partial<HostColumn> = {}): HostColumn => ({
  name,
  type: 'pg_catalog.text',
  base: 'text',
  baseType: 'pg_catalog.text',
  baseSchema: 'pg_catalog',
  maxLength: null,
  collation: null,
  notNull: false,
  generated: false,
  writable: false,
  readable: true,
  unique: false,
  enumName: null,
  enumWords: [],
  ...fields,
});
const tableOf = (columns: readonly HostColumn[]): HostTable => ({
  schema: 'public',
  name: 'channels',
  quoted: '"public"."channels"',
  kind: 'r',
  behind: [],
  rowSecurity: null,
  role: 'app',
  columns,
});
const compile = (where: WhereColumns, columns: readonly HostColumn[], written = {}) =>
  compileWhere({ where, table: tableOf(columns), key: 'mirror.sessions.where', written });

/** Reads SQL as Postgres does: names and texts, and what is between them. */
function tokens(sql: string): { names: string[]; texts: string[]; rest: string } {
  const names: string[] = [];
  const texts: string[] = [];
  let rest = '';
  for (let index = 0; index < sql.length; ) {
    const escapes = /^E'/.test(sql.slice(index, index + 2));
    const quote = escapes ? "'" : sql[index];
    if (quote !== "'" && quote !== '"') {
      rest += sql[index];
      index += 1;
      continue;
    }
    let text = '';
    for (index += escapes ? 2 : 1; ; index += 1) {
      if (index >= sql.length) throw new Error(`no end of ${sql}`);
      if (sql[index] === quote && sql[index + 1] !== quote) break;
      // Without an E, what a backslash means is a setting of the server.
      if (quote === "'" && sql[index] === '\\' && !escapes) throw new Error(`a bare backslash in ${sql}`);
      if (sql[index] === quote || (escapes && sql[index] === '\\')) index += 1;
      text += sql[index];
    }
    index += 1;
    (quote === '"' ? names : texts).push(text);
  }
  return { names, texts, rest };
}

const anyName = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 12 })
  .filter((name) => !/["\p{Cc}\p{Cs}]/u.test(name));
const sqlish = fc.constantFrom(`'`, `"`, '\\', `\\'`, '--', '/*', ';', '$1', '$$', 'E', ' OR true', "''");
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.array(sqlish, { maxLength: 8 }).map((parts) => parts.join('')),
);

describe('where', () => {
  it('holds names and values as they are, and no word of theirs as SQL', () => {
    const one = fc.record({ name: anyName, values: fc.array(fc.option(anyText), { minLength: 1, maxLength: 4 }) });
    fc.assert(
      fc.property(fc.uniqueArray(one, { minLength: 1, maxLength: 4, selector: ({ name }) => name }), (columns) => {
        const where = columns.map(({ name, values }) => [name, values] as const);
        const { findings, isOurs } = compile(
          where,
          columns.map(({ name }) => column(name)),
        );
        expect(findings).toEqual([]);
        const read = tokens(isOurs('m'));
        expect(read.texts).toEqual(where.flatMap(([, values]) => values.filter((value) => value !== null)));
        expect(new Set(read.names)).toEqual(new Set(columns.map(({ name }) => name)));
        expect(read.rest).toMatch(/^[m.:(), ]*(?:(?:coalesce|IS NULL|IN|AND|OR|false|pg_catalog\.text)[m.:(), ]*)*$/);
      }),
    );
  });

  it('is compared with the type below all domains, and never with what it cannot take', () => {
    const types = {
      text: (value: WhereValue) => typeof value === 'string',
      enum: (value: WhereValue) => value === 'a' || value === 'b',
      bool: (value: WhereValue) => typeof value === 'boolean',
      int2: (value: WhereValue) => isWhole(value, 2n ** 15n),
      int4: (value: WhereValue) => isWhole(value, 2n ** 31n),
      int8: (value: WhereValue) => isWhole(value, 2n ** 63n),
      numeric: (value: WhereValue) => typeof value === 'number',
      uuid: (value: WhereValue) => typeof value === 'string' && value === UUID,
      timestamptz: () => false,
      jsonb: () => false,
    };
    const UUID = '6f1b2c3d-0000-4000-8000-00000000000a';
    const isWhole = (value: WhereValue, end: bigint) => {
      if (typeof value === 'boolean' || value === null) return false;
      if (typeof value === 'number' && !Number.isSafeInteger(value)) return false;
      if (typeof value === 'string' && !/^-?\d+$/.test(value)) return false;
      return BigInt(value) >= -end && BigInt(value) < end;
    };
    const anyValue = fc.oneof(
      fc.constantFrom<WhereValue>(
        'a',
        'b',
        UUID,
        '',
        true,
        false,
        0,
        32767,
        32768,
        -32769,
        2 ** 31,
        '9223372036854775808',
      ),
      fc.string(),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
    );
    const anyBase = fc.constantFrom(...(Object.keys(types) as (keyof typeof types)[]));
    fc.assert(
      fc.property(anyBase, anyValue, (base, value) => {
        const fields = { base, type: 'x.some_domain', baseType: `x.${base}`, enumName: 'E', enumWords: ['a', 'b'] };
        const { findings, isOurs } = compile([['kind', [value]]], [column('kind', fields)]);
        expect(findings.length).toBe(types[base](value) ? 0 : 1);
        for (const finding of findings) {
          expect(finding).toMatchObject({ severity: 'error', about: '"public"."channels"."kind"' });
          expect(finding.fix).toContain('mirror.sessions.where.kind');
        }
        expect(isOurs('m')).toContain(`m."kind"::x.${base} IN (`);
        expect(isOurs('m')).not.toContain('some_domain');
      }),
      { numRuns: 1_000 },
    );
  });

  it('refuses what no row can have', () => {
    const problems = (value: WhereValue, fields: Partial<HostColumn>) =>
      compile([['kind', ['a', value]]], [column('kind', fields)]).findings.map(({ problem }) => problem);
    expect(problems(null, { notNull: true })).toEqual(['is never null (mirror.sessions.where.kind)']);
    expect(problems(null, {})).toEqual([]);
    expect(problems('é'.repeat(5), { base: 'varchar', maxLength: 4 })).toEqual([
      'is too short for the word ééééé (for rows that are ours)',
    ]);
    expect(problems('é'.repeat(4), { base: 'varchar', maxLength: 4 })).toEqual([]);
  });

  it('refuses a column that wa-sync writes, and one that is not there', () => {
    const { findings } = compile(
      [
        ['kind', ['a']],
        ['Kind', ['a']],
        ['id', ['a']],
      ],
      [column('kind'), column('id')],
      { status: 'kind' },
    );
    expect(findings.map(({ problem, fix }) => [problem.split(':')[0], fix])).toEqual([
      ['is in mirror.sessions.where and mapped as status', 'leave it out of mirror.sessions.where, or do not map it'],
      ['does not exist (named by mirror.sessions.where)', 'write kind'],
    ]);
  });

  it('is no condition at all where nothing is asked', () => {
    const { isOurs, and, findings } = compileWhere({ where: undefined, table: tableOf([]), key: 'k', written: {} });
    expect([isOurs('m'), and('m'), findings]).toEqual(['true', '', []]);
  });
});
