export const SETTINGS = Symbol('the settings of the app');
export const POOL = Symbol('the pool of the app');
