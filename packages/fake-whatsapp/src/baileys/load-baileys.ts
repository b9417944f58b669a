import { type BaileysMembers, isModule, LOGIN_MEMBERS, pickMembers } from './baileys-members.js';

/** The module of Baileys or of a fork, or a function that returns it: `() => import('baileys')`. */
export type BaileysOption = object | (() => object | Promise<object>);

/** The members that are called. Using one that this copy lacks throws, and says which one and what to do. */
export type Baileys = BaileysMembers;

const NAMES = ['@whiskeysockets/baileys', 'baileys'];
// A version that the registry alone can install: npm's `latest` needs a git host.
const INSTALL = 'npm install --save-dev baileys@7.0.0-rc14';

/**
 * Loads the Baileys that the host has: what it gives, else what is installed under one of its two names.
 *
 * @throws Error where there is none, or where it lacks what a login needs.
 */
export async function loadBaileys(option?: BaileysOption): Promise<Baileys> {
  const { module, given } = await findModule(option);
  const { members, missing } = pickMembers(module);
  const lacks = (names: readonly string[]) =>
    new Error(
      `${given} lacks ${names.join(', ')}. Give the whole module of Baileys 6.7 or later: ` +
        `startFakeWhatsApp({ baileys: () => import('baileys') }); a second copy for the server will do: ${INSTALL}`,
    );
  if (LOGIN_MEMBERS.some((name) => members[name] === undefined)) throw lacks(missing);
  return new Proxy(members as BaileysMembers, {
    get(target, name) {
      const member = target[name as keyof BaileysMembers];
      // A promise that resolves with this object looks for `then`.
      if (member === undefined && name !== 'then') {
        throw lacks(missing.filter((one) => one.split('.')[0] === name));
      }
      return member;
    },
  });
}

async function findModule(option: BaileysOption | undefined): Promise<{ module: unknown; given: string }> {
  if (option === undefined) return findInstalled();
  if (typeof option !== 'function' || isModule(option)) return { module: option, given: 'Option baileys' };
  try {
    return { module: await option(), given: 'What the function in option baileys returned' };
  } catch (cause) {
    throw new Error(`The function in option baileys failed: ${firstLine(cause)}`, { cause });
  }
}

async function findInstalled(): Promise<{ module: unknown; given: string }> {
  for (const name of NAMES) {
    try {
      // The name is no literal: a bundler would fail on the one that the host does not have.
      const module: unknown = await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
      return { module, given: `The installed ${name}` };
    } catch (cause) {
      if (!isMissing(name, cause)) {
        throw new Error(`${name} is installed and cannot be loaded: ${firstLine(cause)}`, { cause });
      }
    }
  }
  throw new Error(
    `The fake WhatsApp needs a Baileys, and none is installed: run ${INSTALL}, ` +
      "or give a fork as startFakeWhatsApp({ baileys: () => import('its-name') })",
  );
}

/** Whether it is the package that is not there, and not something that it imports itself. */
function isMissing(name: string, error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return false;
  return new RegExp(`['"\` ]${name}['"\`, ]`).test(firstLine({ message }));
}

function firstLine(cause: unknown): string {
  const { message } = (cause ?? {}) as { message?: unknown };
  return String(message ?? cause).split('\n', 1)[0] ?? '';
}
