/**
 * The Baileys package as a host gives it: which members are called, and where they stand. Of an ES module they are
 * named exports; of a CommonJS one that was loaded by `import()` some or all of them stand under `default`, and
 * `makeWASocket` may be that `default` itself, once or twice.
 */
import { WaSyncError } from '@wa-sync/core';
import type { AuthStateLike } from './baileys-auth.js';
import type { BaileysSocketLike } from './baileys-like.js';

interface BaileysJson {
  replacer(key: string, value: unknown): unknown;
  reviver(key: string, value: unknown): unknown;
}

/** The module of Baileys or of a fork: only what wa-sync calls, so that `import('baileys')` of any of them fits. */
export interface BaileysModuleLike {
  /** Absent where it is the default export. */
  makeWASocket?(config: object): BaileysSocketLike;
  initAuthCreds(): object;
  readonly BufferJSON: BaileysJson;
  readonly proto: { readonly Message: { readonly AppStateSyncKeyData: object } };
  useMultiFileAuthState(folder: string): Promise<{ state: AuthStateLike; saveCreds(): Promise<void> }>;
}

type GivenModule = BaileysModuleLike | { readonly default: BaileysModuleLike };

/**
 * What options named `baileys` take: the module, or a function that returns it, which is called when Baileys is first
 * needed.
 */
export type BaileysOption = GivenModule | (() => GivenModule | Promise<GivenModule>);

/** What is called in Baileys, wherever the module has it. */
export interface BaileysMembers {
  makeWASocket(config: object): BaileysSocketLike;
  initAuthCreds(): object;
  BufferJSON: BaileysJson;
  /** Makes the message of an app state key out of what was stored. */
  readAppStateKey(value: object): unknown;
  useMultiFileAuthState(folder: string): Promise<{ state: AuthStateLike; saveCreds(): Promise<void> }>;
}

type Finder = (place: Record<string, unknown>) => unknown;

const isFunction = (value: unknown): boolean => typeof value === 'function';
const named =
  (name: string): Finder =>
  (place) =>
    isFunction(place[name]) ? place[name] : undefined;

/** Name of each member as the host's module has it, and how it is found in a place. */
const FINDERS: Record<keyof BaileysMembers, readonly [name: string, find: Finder]> = {
  makeWASocket: ['makeWASocket', named('makeWASocket')],
  initAuthCreds: ['initAuthCreds', named('initAuthCreds')],
  useMultiFileAuthState: ['useMultiFileAuthState', named('useMultiFileAuthState')],
  BufferJSON: [
    'BufferJSON',
    ({ BufferJSON: json }) => (hasFunctions(json, ['replacer', 'reviver']) ? json : undefined),
  ],
  readAppStateKey: ['proto.Message.AppStateSyncKeyData.fromObject', findAppStateKey],
};

/**
 * Takes out of a module the members that are called.
 *
 * @param params.given - how the host names the module, for the error
 * @throws WaSyncError `baileys_unavailable` that names the members which are missing
 */
export function pickMembers<Name extends keyof BaileysMembers>(params: {
  module: unknown;
  given: string;
  names: readonly Name[];
}): Pick<BaileysMembers, Name> {
  const places = placesIn(params.module);
  const found = params.names.map((name) => [name, findMember(places, name)] as const);
  const missing = found.filter(([, member]) => member === undefined).map(([name]) => FINDERS[name][0]);
  if (missing.length === 0) return Object.fromEntries(found) as Pick<BaileysMembers, Name>;
  throw new WaSyncError(
    'baileys_unavailable',
    `${params.given} lacks ${missing.join(', ')}. Give the whole module of Baileys or of a fork: baileys: () => import('baileys')`,
  );
}

/**
 * Whether a function is the module itself (`module.exports = makeWASocket` with the rest on it), and none that returns
 * it.
 */
export function isModule(value: unknown): boolean {
  return placesIn(value).some((place) => isFunction(place.initAuthCreds) || place.BufferJSON !== undefined);
}

function findMember(places: readonly Record<string, unknown>[], name: keyof BaileysMembers): unknown {
  for (const place of places) {
    const member = FINDERS[name][1](place);
    if (member !== undefined) return member;
  }
  // Old ones have it as their default export only.
  return name === 'makeWASocket' && isModule(places[0]) ? places.find(isFunction) : undefined;
}

/** A module, what stands under its `default`, and once more where CommonJS was wrapped twice. */
function placesIn(module: unknown): Record<string, unknown>[] {
  const places: Record<string, unknown>[] = [];
  for (let place = module; isPlace(place) && places.length < 3; place = place.default) places.push(place);
  return places;
}

function isPlace(value: unknown): value is Record<string, unknown> {
  return (typeof value === 'object' && value !== null) || isFunction(value);
}

function hasFunctions(value: unknown, names: readonly string[]): boolean {
  return isPlace(value) && names.every((name) => isFunction(value[name]));
}

function findAppStateKey({ proto }: Record<string, unknown>): unknown {
  const { Message } = isPlace(proto) ? proto : {};
  const { AppStateSyncKeyData: kind } = isPlace(Message) ? Message : {};
  if (!isPlace(kind)) return undefined;
  const make = isFunction(kind.fromObject) ? 'fromObject' : 'create';
  if (!isFunction(kind[make])) return undefined;
  return (value: object): unknown => (kind[make] as (from: object) => unknown)(value);
}
