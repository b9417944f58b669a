/** `newest` is tried by every run; `older` only by `npm run test:hosts -- --all`. */
export function matrix<T>(newest: readonly T[], older: readonly T[]): readonly T[] {
  return process.env.WA_SYNC_HOSTS === 'all' ? [...newest, ...older] : newest;
}
