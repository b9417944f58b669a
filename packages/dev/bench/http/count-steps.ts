/**
 * Loaded before the server, so that every function is compiled with its counters: answers the message `steps` with how
 * often a function, or a part of one that branches or loops, has run since the last time it was asked.
 */
import { Session } from 'node:inspector/promises';

const inspector = new Session();
inspector.connect();
await inspector.post('Profiler.enable');
await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

process.on('message', async (what) => {
  if (what !== 'steps') return;
  const { result } = await inspector.post('Profiler.takePreciseCoverage');
  const ranges = result.flatMap(({ functions }) => functions.flatMap((one) => one.ranges));
  process.send?.({ steps: ranges.reduce((sum, { count }) => sum + count, 0) });
});
