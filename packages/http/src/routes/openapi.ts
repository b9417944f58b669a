/**
 * Makes `openapi.json` from the routes and their schemas. It runs when that file is written (`UPDATE_OPENAPI=1` with
 * the test that holds it up to date), not in a service, which serves the file as it is: what turns schemas into a
 * document weighs more than the document.
 */
import * as z from 'zod/mini';
import { PROBLEMS, type ProblemCode } from '../reply/problems.js';
import { namedSchemas } from '../reply/wire-schemas.js';
import { MAX_BODY_BYTES } from '../request/read-body.js';
import type { Route } from './route.js';

/** Version of the endpoints, not of the package. */
const API_VERSION = '1.0.0';

const PROBLEM_REF = { $ref: '#/components/schemas/Problem' };

/** JSON as it goes out. */
export type JsonObject = { readonly [key: string]: unknown };

/** The OpenAPI 3.1 document of some routes, made from the schemas that check them. */
export function openApiDocument(params: { basePath: string; routes: readonly Route[] }): JsonObject {
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const route of params.routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = describeRoute(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'wa-sync',
      version: API_VERSION,
      description: 'Keeps the WhatsApp session status in a database true.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: params.basePath || '/' }],
    security: [{ bearer: [] }, { apiKey: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-Api-Key' },
      },
      schemas: describeNamed(),
    },
  };
}

/** Every problem that a route can answer. */
export function problemsOf(route: Route): ProblemCode[] {
  const codes: ProblemCode[] = [...route.problems, 'internal_error'];
  if (route.role !== 'public') codes.push('unauthorized');
  if (route.role === 'admin') codes.push('forbidden');
  if (route.input.query || route.input.body) codes.push('request_invalid');
  if (route.input.body) codes.push('body_not_json', 'body_too_large', 'rate_limited');
  return [...new Set(codes)].sort();
}

function describeRoute(route: Route): JsonObject {
  const { body } = route.input;
  return {
    operationId: toOperationId(route),
    summary: route.summary,
    ...(route.description ? { description: route.description } : {}),
    ...(route.role === 'public' ? { security: [] } : {}),
    ...describeParameters(route),
    ...(body ? { requestBody: describeBody(body) } : {}),
    responses: { ...describeAnswers(route), ...describeProblems(route) },
  };
}

function describeBody(schema: z.ZodMiniType): JsonObject {
  const content = { 'application/json': { schema: toSchema(schema) } };
  return { description: `At most ${MAX_BODY_BYTES} bytes.`, required: false, content };
}

function describeParameters(route: Route): { parameters?: JsonObject[] } {
  const parameters: JsonObject[] = [];
  const { segments, query } = route.input;
  for (const [place, schema] of [
    ['path', segments],
    ['query', query],
  ] as const) {
    const properties = schema ? (toSchema(schema).properties as Record<string, JsonObject>) : {};
    for (const [name, { description, ...rest }] of Object.entries(properties)) {
      parameters.push({ name, in: place, required: place === 'path', description, schema: rest });
    }
  }
  for (const [name, description] of Object.entries(route.requestHeaders ?? {})) {
    parameters.push({ name, in: 'header', required: false, description, schema: { type: 'string' } });
  }
  if (route.answers[202]) {
    const description = '`wait=N`: seconds to wait before 202 is answered (RFC 7240)';
    parameters.push({ name: 'Prefer', in: 'header', required: false, description, schema: { type: 'string' } });
  }
  return parameters.length > 0 ? { parameters } : {};
}

function describeAnswers(route: Route): Record<string, JsonObject> {
  return Object.fromEntries(
    Object.entries(route.answers).map(([status, { schema, means, type = 'application/json' }]) => {
      const id = namedSchemas.get(schema)?.id;
      const content = { [type]: { schema: id ? toRef(id) : toSchema(schema) } };
      const location = { Location: { description: 'Where to ask how it ended', schema: { type: 'string' } } };
      return [status, { description: means, ...(status === '202' ? { headers: location } : {}), content }];
    }),
  );
}

function describeProblems(route: Route): Record<string, JsonObject> {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of problemsOf(route)) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => {
      const description = codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('. ');
      return [status, { description, content: { 'application/problem+json': { schema: PROBLEM_REF } } }];
    }),
  );
}

function describeNamed(): Record<string, JsonObject> {
  const { schemas } = z.toJSONSchema(namedSchemas, { uri: (id) => toRef(id).$ref, override: shorten });
  return Object.fromEntries(
    Object.entries(schemas)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, { $schema, $id, id: _, ...schema }]) => [id, schema]),
  );
}

function toSchema(schema: z.ZodMiniType): JsonObject {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', override: shorten });
  return rest;
}

/** The pattern of a date-time says in 300 characters what `format` says already. */
function shorten({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
}

function toRef(id: string) {
  return { $ref: `#/components/schemas/${id}` };
}

function toOperationId({ method, path }: Route): string {
  const words = `${method.toLowerCase()}${path.replace(/:/g, 'by-')}`.split(/[^a-zA-Z0-9]+/);
  return words.map((word, at) => (at === 0 ? word : word[0]!.toUpperCase() + word.slice(1))).join('');
}
