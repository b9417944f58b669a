export type { AppOptions } from './app-options.js';
export { describeCause, describeTarget } from './describe-failure.js';
export { type GivenOptions, readEnvironment, VARIABLES } from './read-environment.js';
export { type Surrounded, surround } from './surround.js';
