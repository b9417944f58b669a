import type { StoreCapabilities, WaSyncStore } from '@wa-sync/core';
import { declareTest, type LeaveOut, type TestRunner } from './test-runner.js';

/** A store in a fresh state, made for one test. */
export interface StoreHarness {
  /** Made ready: the suites never call `init`. */
  readonly store: WaSyncStore;
  /** Moves store time by `ms`: a manual clock, a real wait, or heartbeats and instants shifted back by as much. */
  advance(ms: number): Promise<void>;
  /**
   * Another store object on the same state, as another process would have it. Needed where the store is `shared` or
   * `durable`.
   */
  another?(): Promise<WaSyncStore>;
  /** Takes the heartbeat row of an incarnation away, as a person or a restore does. */
  deleteHeartbeat?(incarnation: string): Promise<void>;
  /** Ends everything that `create` and `another` made. */
  close(): Promise<void>;
}

/** What a conformance suite needs to know of a store. */
export interface StoreSuite {
  /** How the tests are headed, such as `postgres 18`. */
  readonly name: string;
  /** The functions of the test runner, such as `{ describe, it }` of vitest, jest or node:test. */
  readonly runner: TestRunner;
  create(): Promise<StoreHarness>;
  /** What the store says of itself. Where given, a test holds it against the store. */
  readonly capabilities?: StoreCapabilities | undefined;
}

/** Declares a test on a fresh store, closed however the test ends. */
export type StoreTest = (title: string, run: (harness: StoreHarness, leaveOut: LeaveOut) => Promise<void>) => void;

/** The way in which the tests of one suite are declared. */
export function storeTest({ create, runner }: StoreSuite): StoreTest {
  return (title, run) => {
    declareTest(runner, title, async (leaveOut) => {
      const harness = await create();
      try {
        await run(harness, leaveOut);
      } finally {
        await harness.close();
      }
    });
  };
}

/** As many store objects as a harness can give, for races between clients. */
export async function clientsOf(harness: StoreHarness, count: number): Promise<WaSyncStore[]> {
  const second = harness.another === undefined ? harness.store : await harness.another();
  return Array.from({ length: count }, (_, index) => (index % 2 === 0 ? harness.store : second));
}
