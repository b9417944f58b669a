export const APP_OPTIONS = Symbol('the options of the app');
export const POOL = Symbol('the pool of the app');
