import * as z from 'zod/mini';
import { WaSyncError } from './errors.js';

/**
 * Checks options against a strict schema. `of` is who takes them, for the text.
 *
 * @throws WaSyncError `config_invalid` that names each wrong key and what it takes
 */
export function parseOptions<Schema extends z.core.$ZodType>(
  of: string,
  schema: Schema,
  options: unknown,
): z.output<Schema> {
  const parsed = z.safeParse(schema, options);
  if (parsed.success) return parsed.data;
  throw new WaSyncError(
    'config_invalid',
    parsed.error.issues.map((issue) => describeIssue(of, schema, issue)).join('; '),
  );
}

function describeIssue(of: string, schema: z.core.$ZodType, issue: z.core.$ZodIssue): string {
  const at = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const keys = issue.keys.map((key) => (at ? `${at}.${key}` : key)).join(', ');
    return `Unknown option ${keys}: ${at || of} takes ${knownKeys(schema, issue.path).join(', ')}`;
  }
  return `Option ${at || '(all)'} ${issue.message}`;
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
