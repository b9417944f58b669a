import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take ten seconds and more, the longest first. */
const LONGEST = [
  'dev/demo/test/main-job',
  'dev/chaos/test/faults',
  'dev/chaos/test/scale',
  'baileys/test/replicas',
  'cli/test/service',
  'postgres/test/pglite',
  'baileys/test/observe',
  'baileys/test/catalogue',
  'redis/test/cuts',
  'baileys/test/boot',
  'postgres/test/conformance',
  'postgres/test/cuts',
  'dev/simulator/test/run-seed',
].map((path) => `/packages/${path}.`);

/** Begins a project with its longest files, so that no worker has one of them left when the others are done. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted
      .map((file, index) => ({ file, index, group: file.project.config.sequence.groupOrder, rank: rankOf(file) }))
      .sort((a, b) => a.group - b.group || a.rank - b.rank || a.index - b.index)
      .map(({ file }) => file);
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = LONGEST.findIndex((path) => moduleId.includes(path));
  return rank < 0 ? LONGEST.length : rank;
}
