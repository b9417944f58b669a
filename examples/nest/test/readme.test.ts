import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFile(join(root, file), 'utf8');

describe.each(['README.md', 'README.pt-BR.md'])('the code in %s', (file) => {
  it('compiles as it stands', { timeout: 60_000 }, async () => {
    const snippets = [...(await read(file)).matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code ?? '');
    expect(snippets.length).toBeGreaterThan(5);
    // Below this package, so that imports are found as in the package itself.
    await mkdir(join(root, 'dist'), { recursive: true });
    const folder = await mkdtemp(join(root, 'dist/readme-'));
    try {
      const named = ['database.module.ts', 'app.module.ts'];
      const paths = snippets.map((_, index) => join(folder, named[index] ?? `snippet-${index}.ts`));
      await Promise.all(paths.map((path, index) => writeFile(path, snippets[index] ?? '')));
      const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
      const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
      const diagnostics = ts.getPreEmitDiagnostics(ts.createProgram(paths, options));
      expect(diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
