const given = process.env.WA_SYNC_SEED;

/**
 * What random tests draw from: the same at every run, so that a failure is a change's own and can be played again.
 * `WA_SYNC_SEED=5` plays another, `WA_SYNC_SEED=random` draws one. Tests print it in their names.
 */
export const SEED = given === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(given ?? 20_250_101) >>> 0;
