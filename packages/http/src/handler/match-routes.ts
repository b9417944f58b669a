import { RegExpRouter } from 'hono/router/reg-exp-router';
import type { Route } from '../routes/route.js';

/** The route of a path and its `:name`s, or the methods that the path takes; `null` where it is no endpoint. */
export type Match = (
  method: string,
  path: string,
) => { readonly route: Route; readonly segments: Readonly<Record<string, string>> } | { readonly allow: string } | null;

const METHODS = ['GET', 'POST'];

/** Finds routes with Hono's router. */
export function matchRoutes(routes: readonly Route[]): Match {
  const router = new RegExpRouter<Route>();
  for (const route of routes) router.add(route.method, route.path, route);

  function find(method: string, path: string) {
    const [[first] = [], stash = []] = router.match(method, path);
    if (!first) return null;
    const [route, places] = first;
    const segments: Record<string, string> = {};
    for (const [name, place] of Object.entries(places)) {
      segments[name] = decode(typeof place === 'number' ? (stash[place] ?? '') : place);
    }
    return { route, segments };
  }

  return (method, path) => {
    const found = find(method === 'HEAD' ? 'GET' : method, path);
    if (found) return found;
    const allowed = METHODS.filter((one) => find(one, path));
    if (allowed.length === 0) return null;
    return { allow: allowed.map((one) => (one === 'GET' ? 'GET, HEAD' : one)).join(', ') };
  };
}

/** A malformed escape stands for itself. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
