import * as z from 'zod/mini';
import { WaSyncError } from '../domain/errors.js';

/** A zod schema as far as published types name it: an app's compiler may be older than zod's types ask for. */
export interface OptionSchema<Options> {
  readonly _zod: { readonly output: Options };
}

/**
 * Checks options against a strict schema. `of` is who takes them, for the text.
 *
 * @throws WaSyncError `config_invalid` that names each wrong key and what it takes
 */
export function parseOptions<Options>(of: string, optionSchema: OptionSchema<Options>, options: unknown): Options {
  const schema = optionSchema as z.core.$ZodType<Options>;
  // Before the words of a locale, which a host's own zod sets for every schema of the process.
  const parsed = z.safeParse(schema, options, { error: () => NO_WORDS });
  if (parsed.success) return parsed.data;
  throw new WaSyncError(
    'config_invalid',
    parsed.error.issues.map((issue) => describeIssue(of, schema, issue)).join('; '),
  );
}

/** The message of a schema that has no words of its own. */
const NO_WORDS = 'is not what it takes';

/** What a place takes that holds other options, whose schemas have no words of their own. */
const CONTAINERS: Readonly<Record<string, string>> = { object: 'takes an object', array: 'takes a list' };

function describeIssue(of: string, schema: z.core.$ZodType, issue: z.core.$ZodIssue): string {
  const at = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const keys = issue.keys.map((key) => (at ? `${at}.${key}` : key)).join(', ');
    return `Unknown option ${keys}: ${at || of} takes ${knownKeys(schema, issue.path).join(', ')}`;
  }
  const container = issue.code === 'invalid_type' ? CONTAINERS[issue.expected] : undefined;
  return `Option ${at || '(all)'} ${issue.message === NO_WORDS && container ? container : issue.message}`;
}

interface Node {
  readonly shape?: Readonly<Record<PropertyKey, Node>>;
  readonly def?: { readonly innerType?: Node };
}

/** Names of the options at a place of the schema, behind whatever gives them defaults. */
function knownKeys(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  const open = (node: Node | undefined): Node | undefined => (node?.def?.innerType ? open(node.def.innerType) : node);
  let node = open(schema as unknown as Node);
  for (const key of path) node = open(node?.shape?.[key]);
  return Object.keys(node?.shape ?? {});
}
