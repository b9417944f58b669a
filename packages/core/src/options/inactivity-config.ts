import * as z from 'zod/mini';
import { type BusinessHours, WEEKDAYS } from '../decide/business-hours.js';
import { zoneOffsetMs } from '../decide/civil-time.js';
import type { ClosingPolicy } from '../decide/closing.js';
import type { ConversationRecord, Speaker } from '../domain/conversation.js';

/** What a host may say of a conversation; what it leaves out is taken from the options. */
export interface ConversationPolicy {
  /**
   * Time without a message until it is warned (where there is a warning) or closed. @defaultValue 86,400,000 (24 h)
   */
  inactiveAfterMs?: number | undefined;
  /** Sent first; closed `graceMs` later. @defaultValue none */
  warning?: { text: string; graceMs: number } | null | undefined;
  /** Sent on closing. @defaultValue none */
  farewell?: string | null | undefined;
  /** Closes only where one of these spoke last. @defaultValue whoever did */
  lastFrom?: readonly Speaker[] | null | undefined;
  /** Statuses of the host that are left alone. @defaultValue none */
  skipStatuses?: readonly string[] | undefined;
  /** Warns and closes only then. @defaultValue at any time */
  businessHours?: BusinessHours | null | undefined;
}

/** Options of the closing of inactive conversations. */
export interface InactivityOptions extends ConversationPolicy {
  /** The policy of one conversation, `null` to leave it alone. One that throws leaves it alone and is logged. */
  policy?:
    | ((conversation: ConversationRecord) => ConversationPolicy | null | Promise<ConversationPolicy | null>)
    | undefined;
  /**
   * The shortest inactive time that `policy` may ask for; a conversation inactive for less is not judged.
   * @defaultValue `inactiveAfterMs`
   */
  shortestInactiveMs?: number | undefined;
  /** Conversations that one run may warn or close. @defaultValue 500 */
  maxPerRun?: number | undefined;
  /** Messages a minute that one session may send, against bans. @defaultValue 6 */
  sendsPerMinute?: number | undefined;
}

const HOUR_MS = 3_600_000;
const YEAR_MS = 366 * 24 * HOUR_MS;
const duration = 'takes milliseconds, a whole number from 60000 to a year';
const inactiveTime = z.int(duration).check(z.gte(60_000, duration), z.lte(YEAR_MS, duration));
const texts = 'takes a text of 1 to 4096 characters';
const text = z.string(texts).check(z.minLength(1, texts), z.maxLength(4_096, texts));
const hours = "takes hours such as ['09:00', '18:00'], the first before the second";
const hour = z.string(hours).check(z.regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, hours));
const span = z.tuple([hour, hour], hours).check(z.refine(([from, to]) => from < to, hours));
const zones = 'takes an IANA zone such as America/Sao_Paulo';
/** A zone that this Node knows. */
export const zone = z.string(zones).check(
  z.refine((name) => {
    try {
      zoneOffsetMs(0, name);
      return true;
    } catch {
      return false;
    }
  }, zones),
);
const dates = 'takes dates such as 2026-12-25';
const date = z.string(dates).check(z.regex(/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/, dates));

const policyShape = {
  inactiveAfterMs: z.optional(inactiveTime),
  warning: z.nullish(z.strictObject({ text, graceMs: inactiveTime })),
  farewell: z.nullish(text),
  lastFrom: z.nullish(z.array(z.enum(['contact', 'agent', 'bot'], 'takes contact, agent or bot'))),
  skipStatuses: z.optional(z.array(z.string('takes the words of the host'))),
  businessHours: z.nullish(
    z.strictObject({
      timeZone: zone,
      days: z.strictObject(Object.fromEntries(WEEKDAYS.map((day) => [day, z.optional(span)]))),
      holidays: z.optional(z.array(date)),
    }),
  ),
};

const policySchema = z.strictObject(policyShape);

const amount = 'takes a whole number from 1 to 100000';
const count = z.int(amount).check(z.gte(1, amount), z.lte(100_000, amount));

/** Checks the `inactivity` options. */
export const inactivitySchema = z.prefault(
  z.strictObject({
    ...policyShape,
    policy: z.optional(
      z.custom<NonNullable<InactivityOptions['policy']>>((value) => typeof value === 'function', 'takes a function'),
    ),
    shortestInactiveMs: z.optional(inactiveTime),
    maxPerRun: z._default(count, 500),
    sendsPerMinute: z._default(count, 6),
  }),
  {},
);

/** The options with every default in place. */
export type InactivityConfig = z.infer<typeof inactivitySchema>;

/** The shortest time without a message after which a conversation is read. */
export function shortestInactiveMs(options: InactivityConfig): number {
  return options.shortestInactiveMs ?? options.inactiveAfterMs ?? 24 * HOUR_MS;
}

/**
 * The policy of one conversation: what the host says of it over the options.
 *
 * @throws an error that names the key where the host's answer makes no sense
 */
export async function closingPolicyOf(
  options: InactivityConfig,
  conversation: ConversationRecord,
): Promise<ClosingPolicy | null> {
  const own = options.policy ? await options.policy(conversation) : {};
  if (own === null) return null;
  const said = Object.entries(policySchema.parse(own)).filter(([, value]) => value !== undefined);
  const { inactiveAfterMs, warning, farewell, lastFrom, skipStatuses, businessHours } = {
    ...options,
    ...(Object.fromEntries(said) as z.infer<typeof policySchema>),
  };
  return {
    inactiveAfterMs: inactiveAfterMs ?? 24 * HOUR_MS,
    warning: warning ?? null,
    farewell: farewell ?? null,
    lastFrom: lastFrom ?? null,
    skipStatuses: skipStatuses ?? [],
    businessHours: (businessHours as BusinessHours | null | undefined) ?? null,
  };
}
