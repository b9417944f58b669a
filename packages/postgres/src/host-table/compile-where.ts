import type { WhereColumns, WhereValue } from '../driver/rows-where.js';
import { quoteIdentifier, quoteLiteral } from '../driver/sql-text.js';
import { opaqueSql } from '../rows/session-row.js';
import { findMissing, judgeWord, type MirrorFinding, TEXTS } from './judge-columns.js';
import type { HostColumn, HostTable } from './read-catalogue.js';

/** The rows of a host's table that are ours. */
export interface CompiledWhere {
  readonly findings: readonly MirrorFinding[];
  /** Condition on the host's row of this name, false where it is not known. No way to a row: those are found by id. */
  isOurs(row: string): string;
  /** The same beside a condition that finds the row. */
  and(row: string): string;
}

const WHOLE: Readonly<Record<string, readonly [lowest: bigint, highest: bigint]>> = {
  int2: [-(2n ** 15n), 2n ** 15n - 1n],
  int4: [-(2n ** 31n), 2n ** 31n - 1n],
  int8: [-(2n ** 63n), 2n ** 63n - 1n],
};
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Holds `where` against the live catalogue. Pure.
 *
 * @param params.key - where the configuration says it, such as `mirror.sessions.where`
 * @param params.written - role and name of the columns that wa-sync writes
 */
export function compileWhere(params: {
  where: WhereColumns | undefined;
  table: HostTable;
  key: string;
  written: Readonly<Record<string, string | undefined>>;
}): CompiledWhere {
  const { where = [], table, key, written } = params;
  const findings: MirrorFinding[] = [];
  const compared: [column: HostColumn, values: readonly WhereValue[]][] = [];
  for (const [name, values] of where) {
    const column = table.columns.find((candidate) => candidate.name === name);
    if (column === undefined) {
      findings.push(findMissing(table, name, `named by ${key}`));
      continue;
    }
    const [role] = Object.entries(written).find(([, other]) => other === name) ?? [];
    if (role !== undefined) findings.push(ofWritten(table, name, role, key));
    else for (const value of values) findings.push(...judgeValue(table, column, value, `${key}.${name}`));
    compared.push([column, values]);
  }
  const isOurs = (row: string) =>
    compared.length === 0
      ? 'true'
      : opaqueSql(compared.map(([column, values]) => compareSql(row, column, values)).join(' AND '));
  return { findings, isOurs, and: (row) => (compared.length === 0 ? '' : ` AND ${isOurs(row)}`) };
}

/** By the type below all domains: a cast to a domain may be refused by its check, and fail the statement. */
function compareSql(row: string, { name, baseType }: HostColumn, values: readonly WhereValue[]): string {
  const column = `${row}.${quoteIdentifier(name)}`;
  const known = values.filter((value) => value !== null);
  const tests = known.length === values.length ? [] : [`${column} IS NULL`];
  if (known.length > 0) {
    const literals = known.map((value) => `${quoteLiteral(String(value))}::${baseType}`);
    tests.push(`${column}::${baseType} IN (${literals.join(', ')})`);
  }
  return `(${tests.join(' OR ')})`;
}

function ofWritten(table: HostTable, name: string, role: string, key: string): MirrorFinding {
  return {
    severity: 'error',
    about: `${table.quoted}.${quoteIdentifier(name)}`,
    problem: `is in ${key} and mapped as ${role}: a write of wa-sync could make the row one that is not ours`,
    fix: `leave it out of ${key}, or do not map it`,
  };
}

function judgeValue(table: HostTable, column: HostColumn, value: WhereValue, key: string): MirrorFinding[] {
  const about = `${table.quoted}.${quoteIdentifier(column.name)}`;
  const { base, type } = column;
  if (value === null) {
    if (!column.notNull) return [];
    return [{ severity: 'error', about, problem: `is never null (${key})`, fix: `leave null out of ${key}` }];
  }
  if (typeof value === 'string' && (TEXTS.includes(base) || base === 'enum')) {
    return judgeWord(table, column, value, 'rows that are ours', key);
  }
  const takes = takesOf(base);
  if (takes.fits(value)) return [];
  const problem = `has type ${type}, which cannot be ${JSON.stringify(value)} (${key})`;
  return [{ severity: 'error', about, problem, fix: `give ${key} ${takes.what}` }];
}

/** What a type can be compared with, null aside. */
function takesOf(base: string): { what: string; fits(value: WhereValue): boolean } {
  const range = WHOLE[base];
  if (range !== undefined) {
    const [lowest, highest] = range;
    const what = `a whole number from ${lowest} to ${highest}`;
    // As a text too: a number of JavaScript does not hold every bigint.
    const isWhole = (value: WhereValue) =>
      typeof value === 'number' ? Number.isSafeInteger(value) : /^-?\d{1,19}$/.test(String(value));
    return {
      what,
      fits: (value) => isWhole(value) && BigInt(String(value)) >= lowest && BigInt(String(value)) <= highest,
    };
  }
  if (base === 'bool') return { what: 'true or false', fits: (value) => typeof value === 'boolean' };
  if (base === 'numeric') return { what: 'a number', fits: (value) => typeof value === 'number' };
  if (base === 'uuid') return { what: 'a uuid', fits: (value) => UUID.test(String(value)) };
  const what = TEXTS.includes(base) || base === 'enum' ? 'a text' : 'null, or name another column';
  return { what, fits: () => false };
}
