/** Sessions of the story, with the number of each phone. */
export const PHONES = { vendas: '5511990000001', suporte: '5511990000002', financeiro: '5511990000003' } as const;

/** One of the three sessions. */
export type SessionId = keyof typeof PHONES;

/** The three ids. */
export const SESSION_IDS = Object.keys(PHONES) as SessionId[];

/** The number of the plain Baileys socket beside them. */
export const PLAIN_PHONE = '5511990000009';

/** Baileys' own keep-alive, the same for every socket in the story. Baileys' default is 30,000. */
export const KEEP_ALIVE_MS = 2_000;

/** Shortened so that the story fits into a minute; the defaults are beside each. */
export const SHORTENED = {
  probe: { silenceMs: 3_000, timeoutMs: 1_500 },
  lease: { ttlMs: 6_000, tickMs: 2_000 },
  jobs: { sync: '*/10 * * * * *' },
} as const;

/** The settings as a person reads them. */
export const SHORTENED_TEXT = [
  `probe after ${SHORTENED.probe.silenceMs / 1000} s of silence (default 20 s), answer within ${SHORTENED.probe.timeoutMs / 1000} s (default 5 s)`,
  `lease of ${SHORTENED.lease.ttlMs / 1000} s, tick of ${SHORTENED.lease.tickMs / 1000} s (defaults 30 s and 5 s)`,
  'sync every 10 s (default every 5 minutes)',
  `Baileys keepAliveIntervalMs ${KEEP_ALIVE_MS / 1000} s, for every socket (default 30 s)`,
];
