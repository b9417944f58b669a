import { join } from 'node:path';
import type { FakeWhatsApp } from '@wa-sync/fake-whatsapp';

/** The apps of `examples/`, which a person may run or copy. */
export const EXAMPLES = ['express', 'nest'] as const;
export type ExampleName = (typeof EXAMPLES)[number];

/** What leads a Baileys to a fake WhatsApp in another process; plain JSON. */
export type FakeAddress = Pick<FakeWhatsApp, 'url' | 'trust'>;

/** How a program is run by node. */
export interface Program {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, '../../..');

/**
 * The app of an example, from source. With `fake`, what stands in front of it leads its Baileys there: the app knows
 * nothing of it.
 */
export function exampleApp(name: ExampleName, fake?: FakeAddress): Program {
  const cwd = join(root, 'examples', name, 'app');
  return fromSource(join(cwd, 'src/main.ts'), { cwd, fake });
}

/** A TypeScript file of this repository, which gets our packages as sources. */
export function fromSource(file: string, { cwd = root, fake }: { cwd?: string; fake?: FakeAddress } = {}): Program {
  const lead = fake ? ['--import', join(import.meta.dirname, 'lead-to-fake.ts')] : [];
  return {
    args: ['--conditions=@wa-sync/source', '--import', 'tsx', ...lead, file],
    cwd,
    env: {
      // The tsconfig of an app knows its own files only, and ours have decorators as well.
      TSX_TSCONFIG_PATH: join(root, 'tsconfig.base.json'),
      ...(fake ? { FAKE_WHATSAPP: JSON.stringify({ url: fake.url, trust: fake.trust }) } : {}),
    },
  };
}
