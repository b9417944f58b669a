import fc from 'fast-check';
import { SEED } from './seed.js';

/** Loaded before each file: properties without a seed of their own draw from the common one. */
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED });
