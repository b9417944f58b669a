/**
 * Finds a route of the host that stands where one of ours does, while Nest registers them. On Express the one that
 * comes first wins and the other is lost in silence; Fastify ends the start with an error that names no controller.
 * Paths are taken from the adapter, where global prefix, versions and the paths of modules are in them already: what
 * is read beside it, from the decorators, only finds the name.
 */
import { RequestMethod, type Type } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import { WaSyncError } from '@wa-sync/core';
import { ROUTES } from '@wa-sync/http';

/** The part of an adapter that routes are registered by. */
interface Adapter {
  getType(): string;
}

interface Registered {
  /** As the adapter's method is called. */
  readonly verb: string;
  readonly path: string;
  /** Ours: the methods that the endpoint takes; `null`: the host's. */
  readonly takes: ReadonlySet<string> | null;
}

const VERBS = Object.values(RequestMethod)
  .filter((word) => typeof word === 'string')
  .map((word) => word.toLowerCase());

/** What our routes below the controller's path take, by path. */
const TAKES = new Map<string, Set<string>>();
for (const { path, method } of ROUTES) {
  const verbs = TAKES.get(path) ?? new Set();
  for (const verb of method === 'GET' ? ['get', 'head'] : ['post']) verbs.add(verb);
  TAKES.set(path, verbs);
}

/**
 * Watches from now on, until the returned function is called.
 *
 * @param params.controller - ours
 * @throws WaSyncError `config_invalid`, out of the registering, that names the route and the controller of the host
 */
export function watchRoutes(params: { adapter: Adapter; controller: Type; discovery: DiscoveryService }): () => void {
  const { adapter, controller, discovery } = params;
  const ours = String(Reflect.getMetadata('path', controller) ?? '').replace(/^\/+|\/+$/g, '');
  const isFastify = adapter.getType() === 'fastify';
  const before: Registered[] = [];
  const methods = adapter as unknown as Record<string, (...args: unknown[]) => unknown>;
  const restore: (() => void)[] = [];

  for (const verb of VERBS) {
    const original = methods[verb];
    if (typeof original !== 'function') continue;
    const own = Object.getOwnPropertyDescriptor(methods, verb);
    methods[verb] = function (this: unknown, ...args: unknown[]) {
      if (typeof args[0] === 'string') note(verb, args[0]);
      return original.apply(this, args);
    };
    restore.push(() => {
      if (own) Object.defineProperty(methods, verb, own);
      else delete methods[verb];
    });
  }
  return () => {
    for (const put of restore) put();
  };

  function note(verb: string, path: string): void {
    const next: Registered = { verb, path, takes: takesOf(verb, path) };
    for (const earlier of before) {
      if (next.takes && shadows(earlier, next)) throw taken(next, earlier.takes ? null : earlier);
      // It would never be asked: ours answer for every method.
      if (earlier.takes && !next.takes && hides(earlier.path, path)) throw taken(earlier, next);
    }
    before.push(next);
  }

  /** Every endpoint of ours is registered for all methods. */
  function takesOf(verb: string, path: string): ReadonlySet<string> | null {
    if (verb !== 'all') return null;
    for (const [below, takes] of TAKES) {
      if (path.endsWith(ours === '' ? below : `/${ours}${below}`)) return takes;
    }
    return null;
  }

  function hides(path: string, later: string): boolean {
    return isFastify ? shapeOf(path) === shapeOf(later) : covers(path, later);
  }

  /** Whether a request for our route gets to the earlier one. */
  function shadows(earlier: Registered, our: Registered): boolean {
    if (isFastify) return hides(earlier.path, our.path);
    const meets = earlier.verb === 'all' || our.takes?.has(earlier.verb) === true;
    return meets && hides(earlier.path, our.path);
  }

  function taken(our: Registered, host: Registered | null): WaSyncError {
    const name = (host && nameOf(host)) ?? 'another route of this app';
    const verb = (host?.verb ?? 'all') === 'all' ? '' : `${host?.verb.toUpperCase()} `;
    const fix = "give WaSyncModule another path, such as routes: { path: 'wa-sync' }, or change the path over there";
    return new WaSyncError(
      'config_invalid',
      `The endpoint ${our.path} of wa-sync is taken by ${name} (${verb}${host?.path ?? our.path}): ${fix}`,
    );
  }

  /** `StatusController.show`: the one whose own path is the longest end of the registered one. */
  function nameOf({ verb, path }: Registered): string | null {
    let name: string | null = null;
    let longest = -1;
    for (const { metatype } of discovery.getControllers()) {
      if (typeof metatype !== 'function' || metatype === controller) continue;
      for (const { method, ends } of handlersOf(metatype, verb)) {
        for (const end of ends) {
          if (end.length <= longest || !path.endsWith(end)) continue;
          longest = end.length;
          name = `${metatype.name}.${method}`;
        }
      }
    }
    return name;
  }
}

function* handlersOf(metatype: object & { prototype?: unknown }, verb: string) {
  const bases = listOf(Reflect.getMetadata('path', metatype));
  for (let at = metatype.prototype; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const method of Object.getOwnPropertyNames(at)) {
      const handler: unknown = Object.getOwnPropertyDescriptor(at, method)?.value;
      if (typeof handler !== 'function') continue;
      const registeredAs: unknown = Reflect.getMetadata('method', handler);
      if (typeof registeredAs !== 'number' || RequestMethod[registeredAs]?.toLowerCase() !== verb) continue;
      const paths = listOf(Reflect.getMetadata('path', handler));
      yield { method, ends: bases.flatMap((base) => paths.map((path) => join(base, path))) };
    }
  }
}

const listOf = (paths: unknown): string[] => (Array.isArray(paths) ? paths : [paths ?? '']).map(String);

const join = (base: string, path: string) =>
  `/${[base, path]
    .map((part) => part.replace(/^\/+|\/+$/g, ''))
    .filter((part) => part !== '')
    .join('/')}`;

const segmentsOf = (path: string) =>
  path
    .toLowerCase()
    .split('/')
    .filter((segment) => segment !== '');

/** Two paths with the same one are the same to a router, whatever their `:name`s are called. */
const shapeOf = (path: string) =>
  segmentsOf(path)
    .map((segment) => (segment.startsWith(':') ? ':' : segment))
    .join('/');

/** Whether a pattern of Express matches whatever our path does. */
function covers(pattern: string, path: string): boolean {
  const theirs = segmentsOf(pattern);
  const ours = segmentsOf(path);
  for (const [at, segment] of theirs.entries()) {
    // `*`, `*rest`, `{*rest}`, `(.*)`: the rest of the path, whatever it is.
    if (/[*]/.test(segment)) return true;
    const our = ours[at];
    if (our === undefined) return false;
    if (!segment.startsWith(':') && segment !== our) return false;
  }
  return theirs.length === ours.length;
}
