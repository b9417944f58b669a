/**
 * Writes the code of a page into files that run: the blocks as they stand, and in front of them, on the same line,
 * what the page takes for granted.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fence, fencesOf, root } from '../read-docs.js';

const PACKAGES = ['core', 'baileys', 'postgres', 'redis', 'express', 'nest'] as const;
const HOST = ['pool', 'app', 'state', 'saveCreds', 'makeWASocket'];

/** What a process says once all of a page's code has run. */
export const RAN = 'the code of the page has run';

/** A start-up of a page: which of its `ts` blocks it is, and what the reader does with them. */
export interface StartUp {
  readonly page: string;
  /** Words of each block that belongs to it; the last one is started. */
  readonly blocks: readonly string[];
  /** A function of the last block that the reader's own code calls with a session id. */
  readonly calls?: string;
}

/** Where each name comes from that a page uses without saying so. */
async function namesOfReader(): Promise<Map<string, string>> {
  const here = join(root, 'packages/dev/docs-checks/test/start-up');
  const names = new Map([['wa', join(here, 'host-replica.ts')]]);
  for (const name of HOST) names.set(name, join(here, 'host.ts'));
  for (const name of PACKAGES) {
    const exported = (await import(`@wa-sync/${name}`)) as object;
    for (const key of Object.keys(exported)) if (!names.has(key)) names.set(key, `@wa-sync/${name}`);
  }
  return names;
}

function withReader(code: string, names: ReadonlyMap<string, string>): string {
  const withoutTexts = code.replace(/'[^'\n]*'|\/\/.*/g, '');
  const declared = (name: string) =>
    new RegExp(`(?:import|const|let|function) [^;=(]*\\b${name}\\b`).test(withoutTexts);
  const used = (name: string) => new RegExp(`(?<![.\\w])${name}\\b(?!\\s*:)`).test(withoutTexts);
  const missing = [...names.keys()].filter((name) => used(name) && !declared(name));
  return `${missing.map((name) => `import { ${name} } from '${names.get(name)}';`).join(' ')}\n${code}`;
}

/** The file that starts it. */
export async function writePage({ page, blocks, calls }: StartUp, folder: string): Promise<string> {
  const names = await namesOfReader();
  const fences = fencesOf(page).filter(({ language }) => language === 'ts');
  const chosen = blocks.map((words) => {
    const [fence, ...more] = fences.filter(({ code }) => code.includes(words));
    if (!fence || more.length > 0) throw new Error(`${page} has no block, or several, with ${words}`);
    return fence;
  });
  await mkdir(folder, { recursive: true });
  for (const [index, { code }] of chosen.entries()) {
    await writeFile(join(folder, `${nameOf(chosen, index)}.ts`), withReader(code, names));
  }
  // The blocks of Nest's page need to be configured for decorators, and so do the sources of our module.
  const compiler = { extends: join(root, 'tsconfig.base.json'), compilerOptions: { experimentalDecorators: true } };
  const include = [join(folder, '*'), join(root, 'examples/nest/src')];
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ ...compiler, include }));
  const start = join(folder, 'start.ts');
  const prelude = join(root, 'packages/dev/docs-checks/test/start-up/prelude.ts');
  const last = `./${nameOf(chosen, chosen.length - 1)}.js`;
  const call = calls === undefined ? '' : `page.${calls}('shop');`;
  const code = [
    `import '${prelude}';`,
    `const page = await import('${last}');`,
    `${call}console.log('${RAN}', typeof page);`,
  ];
  await writeFile(start, code.join('\n'));
  return start;
}

/** The name by which another block imports this one, such as `./app.module.js`. */
function nameOf(all: readonly Fence[], index: number): string {
  for (const { code } of all) {
    for (const [, imported = '', file = ''] of code.matchAll(/import \{ (\w+)[^}]*\} from '\.\/([^']+)\.js'/g)) {
      if (new RegExp(`export (?:const|class) ${imported}\\b`).test(all[index]?.code ?? '')) return file;
    }
  }
  return `block-${index}`;
}
