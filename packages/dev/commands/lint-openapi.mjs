// Lints the committed OpenAPI document.
import { join } from 'node:path';
import { createConfig, formatProblems, lint } from '@redocly/openapi-core';
import { root } from './run-process.mjs';

const config = await createConfig({
  extends: ['recommended-strict'],
  // What takes neither a token nor input (health, the document itself) has no 4xx of its own.
  rules: { 'operation-4xx-response': 'off', 'no-unused-components': 'error' },
});
const problems = await lint({ ref: join(root, 'packages/http/openapi.json'), config });
formatProblems(problems, { format: 'codeframe', totals: { errors: problems.length, warnings: 0, ignored: 0 } });
if (problems.length > 0) process.exitCode = 1;
