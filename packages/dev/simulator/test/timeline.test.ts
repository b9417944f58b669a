import { describe, expect, it } from 'vitest';
import { createTimeline } from '../timeline.js';

describe('the timeline', () => {
  it('runs what is due in the order of instants, equal ones as they were asked for', async () => {
    const timeline = createTimeline();
    const ran: string[] = [];
    for (const [name, dueMs] of [
      ['c', 30],
      ['a', 10],
      ['b', 10],
      ['d', 30],
      ['beyond', 41],
    ] as const) {
      timeline.at(dueMs, () => void ran.push(`${name}@${timeline.nowMs()}`));
    }
    await timeline.run(40);
    expect(ran).toEqual(['a@10', 'b@10', 'c@30', 'd@30']);
    expect(timeline.nowMs()).toBe(40);
  });

  it('ends every chain of promises that a step began before the next step', async () => {
    const timeline = createTimeline();
    const ran: string[] = [];
    for (let step = 0; step < 300; step += 1) {
      timeline.at(step, () => {
        void (async () => {
          for (let hop = 0; hop < 500; hop += 1) await null;
          ran.push(`chain ${step}`);
        })();
      });
      timeline.at(step, () => void ran.push(`next ${step}`));
    }
    await timeline.run(300);
    expect(ran).toEqual(Array.from({ length: 300 }, (_, step) => [`chain ${step}`, `next ${step}`]).flat());
  });

  it('does not run what was cancelled, and reports a step that threw', async () => {
    const timeline = createTimeline();
    let ran = 0;
    timeline.after(5, () => (ran += 1))();
    timeline.at(7, () => {
      throw new Error('thrown by a step');
    });
    await expect(timeline.run(10)).rejects.toThrow('thrown by a step');
    expect(ran).toBe(0);
  });
});
