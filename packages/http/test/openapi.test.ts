import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { PROBLEMS } from '../src/index.js';
import { openApiDocument, problemsOf } from '../src/routes/openapi.js';
import { ROUTES } from '../src/routes/routes.js';

const committed = new URL('../openapi.json', import.meta.url);
const current = openApiDocument({ basePath: '/whatsapp', routes: ROUTES });

describe('openapi.json', () => {
  it('is up to date (`UPDATE_OPENAPI=1` writes it anew)', async () => {
    if (process.env.UPDATE_OPENAPI) await writeFile(committed, `${JSON.stringify(current, null, 2)}\n`);
    expect(JSON.parse(await readFile(committed, 'utf8'))).toEqual(current);
  });

  it('has every reference it uses, and every operation a name of its own', () => {
    const text = JSON.stringify(current);
    const { components, paths } = current as {
      components: { schemas: object };
      paths: Record<string, Record<string, { operationId: string; parameters?: { in: string; name: string }[] }>>;
    };
    const used = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name));
    for (const name of used) expect(components.schemas).toHaveProperty(name ?? '');
    expect([...used].sort()).toEqual(Object.keys(components.schemas).sort());
    const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(ROUTES.length);
    for (const [path, methods] of Object.entries(paths)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const { parameters = [] } of Object.values(methods)) {
        expect(parameters.filter((one) => one.in === 'path').map((one) => one.name)).toEqual(named);
      }
    }
  });

  it('declares every problem somewhere, but those that no operation has', () => {
    const declared = new Set(ROUTES.flatMap(problemsOf));
    const missing = Object.keys(PROBLEMS).filter((code) => !declared.has(code as keyof typeof PROBLEMS));
    expect(missing).toEqual(['route_not_found', 'method_not_allowed']);
  });
});
