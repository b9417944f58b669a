/**
 * Loads the Baileys that the host has: the one it gives, or the one that is installed under one of the two usual
 * names.
 *
 * Owns: the module, once it was loaded. One that failed to load is not kept, so that the next need tries again.
 */
import { type Clock, WaSyncError } from '@wa-sync/core';
import { logText, withTimeout } from '@wa-sync/core/adapter';
import { type BaileysMembers, type BaileysOption, isModule, pickMembers } from './baileys-module.js';

/** Tried in this order; the second is the same library without its scope. */
const NAMES = ['@whiskeysockets/baileys', 'baileys'] as const;
/** The version installs from the registry alone; npm's `latest` is a 6.x, which needs a git host. */
const NONE_INSTALLED =
  'No Baileys is installed: run npm install baileys@7.0.0-rc14 (or @whiskeysockets/baileys@7.0.0-rc14). ' +
  "Give a fork as baileys: () => import('its-name')";
/** A module takes a second or two on a slow machine. Longer means that it never comes, and each login waits for it. */
const LOAD_WITHIN_MS = 60_000;

interface Loaded {
  readonly module: unknown;
  /** What it is called in errors. */
  readonly given: string;
}

/** Baileys, loaded when somebody first needs it. */
export interface BaileysLoader {
  /**
   * Loads it, and takes out what is called.
   *
   * @throws WaSyncError `baileys_unavailable`
   */
  need<Name extends keyof BaileysMembers>(names: readonly Name[]): Promise<Pick<BaileysMembers, Name>>;
}

/** @param params.baileys - absent: what is installed */
export function createBaileysLoader(params: { baileys: BaileysOption | undefined; clock: Clock }): BaileysLoader {
  const { baileys, clock } = params;
  let loading: Promise<Loaded> | null = null;

  async function load(): Promise<Loaded> {
    if (baileys === undefined) return findInstalled();
    if (typeof baileys !== 'function' || isModule(baileys)) return { module: baileys, given: 'Option baileys' };
    return { module: await callHost(baileys), given: 'What the function in option baileys returned' };
  }

  return {
    async need(names) {
      loading ??= withinLoadTime(clock, load());
      const own = loading;
      try {
        const { module, given } = await own;
        return pickMembers({ module, given, names });
      } catch (error) {
        if (loading === own) loading = null;
        throw error;
      }
    },
  };
}

async function callHost(load: () => unknown): Promise<unknown> {
  try {
    return await load();
  } catch (cause) {
    throw unavailable(`The function in option baileys failed: ${firstLine(cause)}`, { cause, retryable: true });
  }
}

async function findInstalled(): Promise<Loaded> {
  for (const name of NAMES) {
    try {
      // The name is no literal: a bundler would fail on the one that the host does not have.
      const module: unknown = await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
      return { module, given: `The installed ${name}` };
    } catch (cause) {
      if (isMissing(name, cause)) continue;
      throw unavailable(`${name} is installed and cannot be loaded: ${firstLine(cause)}`, { cause });
    }
  }
  throw unavailable(NONE_INSTALLED);
}

/** Whether it is the package that is not there, and not something that it imports itself. */
function isMissing(name: string, error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return false;
  // Also Bun's quotes, and "tried to access <name>, but" of Yarn's PnP. A path of its own files has slashes in the
  // place of these.
  return new RegExp(`['"\` ]${name}['"\`, ]`).test(String(message).split('\n', 1)[0] ?? '');
}

function withinLoadTime<T>(clock: Clock, work: Promise<T>): Promise<T> {
  return withTimeout(clock, LOAD_WITHIN_MS, () => work, {
    late() {
      throw unavailable(`Baileys was not loaded within ${LOAD_WITHIN_MS} ms`, { retryable: true });
    },
  });
}

function unavailable(text: string, options: { cause?: unknown; retryable?: boolean } = {}): WaSyncError {
  return new WaSyncError('baileys_unavailable', text, options);
}

/** Node adds the import stack in further lines. */
function firstLine(cause: unknown): string {
  return logText((cause instanceof Error ? cause.message : String(cause)).split('\n', 1)[0] ?? '');
}
