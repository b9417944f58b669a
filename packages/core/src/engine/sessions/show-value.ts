import { maskNumbers } from '../../mask-numbers.js';

const MAX_LENGTH = 40;

/** Names a wrong value in an error text: its type, and what it holds as far as that is short and no secret. Never the contents of an object. */
export function showValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value === '' ? 'an empty text' : `the text ${quote(value)}`;
    case 'number':
    case 'bigint':
      return `the number ${maskNumbers(String(value))}`;
    case 'boolean':
      return String(value);
    case 'undefined':
      return 'missing';
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    case 'object':
      return describeObject(value);
  }
}

function quote(text: string): string {
  // Masked before it is cut: half a number would show more than its last four digits.
  const masked = maskNumbers(text).replace(/[\p{Cc}\p{Cs}\u2028\u2029]/gu, '\ufffd');
  return `'${masked.length > MAX_LENGTH ? `${masked.slice(0, MAX_LENGTH)}…` : masked}'`;
}

function describeObject(value: object | null): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Date) return Number.isFinite(value.getTime()) ? 'a Date' : 'an invalid Date';
  if (typeof (value as { then?: unknown }).then === 'function') return 'a promise';
  return 'an object';
}
