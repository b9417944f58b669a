const TYPES: Readonly<Record<string, string>> = { String: 'text', DateTime: 'timestamp(3)', Boolean: 'boolean' };

/**
 * The tables and enums that Prisma makes of a block of models, for the part of its language that the pages use;
 * anything else is an error.
 */
export function tablesOfModels(code: string): string[] {
  const enums = [...code.matchAll(/^enum (\w+) \{\n((?: +\w+\n)+)\}$/gm)].map(([, name = '', words = '']) => ({
    name,
    sql: `CREATE TYPE "${name}" AS ENUM (${words
      .trim()
      .split(/\s+/)
      .map((word) => `'${word}'`)})`,
  }));
  const models = [...code.matchAll(/^model (\w+) \{\n(.*?)^\}$/gms)].map(([, name = '', fields = '']) => {
    const columns = fields
      .trim()
      .split('\n')
      .map((field) => {
        const [, column, type = '', optional, rest = ''] = /^ *(\w+) +(\w+)(\?)? *(.*)$/.exec(field) ?? [];
        const known = TYPES[type] ?? (enums.some((one) => one.name === type) ? `"${type}"` : undefined);
        if (known === undefined || !/^(?:@(?:id|updatedAt|default\([\w()]+\)) ?)*$/.test(rest)) {
          throw new Error(`model ${name} has a field that is not read: ${field}`);
        }
        return `"${column}" ${known}${optional ? '' : ' NOT NULL'}${rest.includes('@id') ? ' PRIMARY KEY' : ''}`;
      });
    return `CREATE TABLE "${name}" (${columns})`;
  });
  if (code.match(/^(?:enum|model) /gm)?.length !== enums.length + models.length) throw new Error(`not read: ${code}`);
  return [...enums.map(({ sql }) => sql), ...models];
}
