import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Fence, fencesOf, listPages, root } from '../../docs-checks/test/read-docs.js';

const here = join(root, 'packages/dev/docs-checks');
const PACKAGES = ['core', 'baileys', 'postgres', 'redis', 'http', 'express', 'nest', 'fake-whatsapp', 'testing'];
/** There `wa` is the fake server. */
const FAKE = '../../../test/fake-host.js';
const pages = listPages().filter((page) => fencesOf(page).some(({ language }) => language === 'ts'));

let folder: string;

beforeAll(async () => {
  // Below this package, so that imports are found as in a host.
  await mkdir(join(here, 'dist'), { recursive: true });
  folder = await mkdtemp(join(here, 'dist/snippets-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const options = (() => {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile);
  return ts.parseJsonConfigFileContent(config, ts.sys, root).options;
})();

/**
 * Names that a page may use without saying where they come from: all that our packages export, and what a host has.
 */
async function knownNames(): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  const host = await readFile(join(here, 'test/host.ts'), 'utf8');
  for (const [, name = ''] of host.matchAll(/^export (?:declare )?(?:const|function|class) (\w+)/gm)) {
    names.set(name, '../../../test/host.js');
  }
  const entry = join(folder, 'entry.ts');
  await writeFile(entry, PACKAGES.map((name) => `import '@wa-sync/${name}';`).join('\n'));
  const program = ts.createProgram([entry], options);
  const checker = program.getTypeChecker();
  for (const name of PACKAGES) {
    const { resolvedModule } = ts.resolveModuleName(`@wa-sync/${name}`, entry, options, ts.sys);
    const source = program.getSourceFile(resolvedModule?.resolvedFileName ?? '');
    const symbol = source && checker.getSymbolAtLocation(source);
    if (!symbol) throw new Error(`@wa-sync/${name} is not found`);
    for (const exported of checker.getExportsOfModule(symbol)) {
      if (!names.has(exported.name)) names.set(exported.name, `@wa-sync/${name}`);
    }
  }
  return names;
}

/** What a page leaves out because it was said above, or belongs to the host. */
function preludeOf(code: string, names: ReadonlyMap<string, string>): string {
  const parsed = ts.createSourceFile('snippet.ts', code, ts.ScriptTarget.ES2022, true);
  const used = new Set<string>();
  const declared = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const { parent } = node;
      const declares =
        (ts.isVariableDeclaration(parent) ||
          ts.isBindingElement(parent) ||
          ts.isParameter(parent) ||
          ts.isImportSpecifier(parent) ||
          ts.isImportClause(parent) ||
          ts.isFunctionDeclaration(parent) ||
          ts.isClassDeclaration(parent)) &&
        parent.name === node;
      const isKey = (ts.isPropertyAccessExpression(parent) || ts.isPropertyAssignment(parent)) && parent.name === node;
      if (declares) declared.add(node.text);
      else if (!isKey) used.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(parsed);
  return [...used]
    .filter((name) => !declared.has(name) && names.has(name))
    .map((name) => `import { ${name} } from '${names.get(name)}';`)
    .join(' ');
}

/**
 * Files that other snippets of the page import, such as `./app.module.js`, are the snippets that export what is asked
 * for.
 */
function fileNames(fences: readonly Fence[]): string[] {
  const names = fences.map(({ title }, index) => (title === null ? `snippet-${index}.ts` : basename(title)));
  for (const { code } of fences) {
    for (const [, imported = '', file = ''] of code.matchAll(/import \{ ([^}]+) \} from '\.\/([^']+)\.js'/g)) {
      const [first = ''] = imported.split(',');
      const at = fences.findIndex((fence) =>
        new RegExp(`export (const|class|function|async function) ${first.trim()}\\b`).test(fence.code),
      );
      if (at >= 0) names[at] = `${file}.ts`;
    }
  }
  return names;
}

/** Files beside a snippet that it imports; those that no snippet of its page is are the host's own. */
function importedFiles(code: string): string[] {
  return [...code.matchAll(/from '\.\/([^']+)\.js'/g)].map(([, file = '']) => file);
}

it('every snippet of the documentation compiles', { timeout: 120_000 }, async () => {
  const names = await knownNames();
  const places = new Map<string, { page: string; line: number }>();
  for (const [number, page] of pages.entries()) {
    const fences = fencesOf(page).filter(({ language }) => language === 'ts');
    const files = fileNames(fences);
    for (const [index, { code, line }] of fences.entries()) {
      const path = join(folder, `page-${number}`, files[index] ?? '');
      await mkdir(dirname(path), { recursive: true });
      // On the first line, so that the lines of the page stay what they are.
      const ofPage = page.startsWith('packages/fake-whatsapp/') ? new Map([...names, ['wa', FAKE]]) : names;
      await writeFile(path, `export {}; ${preludeOf(code, ofPage)}\n${code}`);
      places.set(path, { page, line: line - 1 });
      for (const file of importedFiles(code).filter((name) => !files.includes(`${name}.ts`))) {
        await writeFile(join(dirname(path), `${file}.ts`), "export * from '../../../test/host.js';");
      }
    }
  }
  const program = ts.createProgram([...places.keys()], options);
  const problems: string[] = [];
  for (const [path, { page, line }] of places) {
    // Only these: the sources that they import are checked elsewhere.
    const source = program.getSourceFile(path);
    for (const { start, messageText } of [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ]) {
      const at = start === undefined ? 0 : (source?.getLineAndCharacterOfPosition(start).line ?? 0);
      problems.push(`${page}:${line + at}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);
    }
  }
  expect(problems).toEqual([]);
  expect(places.size).toBeGreaterThan(30);
});
