import type { Endpoint } from './route.js';
import { ROUTES } from './routes.js';

/** Every endpoint, in the order of the docs; what checks and handles its calls is not published. */
export const ENDPOINTS: readonly Endpoint[] = ROUTES;
