import { maskNumbers } from '@wa-sync/core';

/** The error as a log may have it: no whole number in its text or its stack. */
export function maskError(error: unknown): Error {
  const source = error instanceof Error ? error : new Error(String(error));
  const masked = new Error(maskNumbers(source.message));
  masked.name = source.name;
  masked.stack = maskNumbers(source.stack ?? source.message);
  return masked;
}
