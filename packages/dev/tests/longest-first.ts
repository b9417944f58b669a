import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take ten seconds and more. Those that wait stand among those that calculate, or the processors would rest at first. */
const LONGEST = [
  'cli/test/service',
  'cli/test/database',
  'dev/chaos/test/scenarios',
  'dev/demo/test/main-job',
  'dev/simulator/test/run-seed',
  'postgres/test/conformance',
  'baileys/test/replicas',
  'baileys/test/catalogue',
  'postgres/test/own-connections',
  'postgres/test/plans',
  'core/test/sweep-delay',
  'postgres/test/cuts',
  'redis/test/fail-over',
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
