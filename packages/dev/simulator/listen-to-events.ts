import type { WaSync, WaSyncEventName } from '@wa-sync/core';
import type { Recorder } from './history.js';

const RECORDED_EVENTS: readonly WaSyncEventName[] = [
  'ownership:gained',
  'ownership:lost',
  'lease:lost',
  'lease:back',
  'conversation:closed',
  'job:started',
  'job:finished',
  'job:failed',
];

/** Writes down what a replica reports to its host; some hosts have listeners that fail. */
export function listenToEvents(params: { wa: WaSync; recorder: Recorder; actor: string; throwing: boolean }): void {
  const { wa, recorder, actor, throwing } = params;
  for (const name of RECORDED_EVENTS) {
    wa.on(name, (payload) => {
      recorder.note({ actor, what: 'event', name, payload });
    });
  }
  if (throwing) {
    wa.on('session:changed', () => {
      throw new Error('a listener failed');
    });
    wa.on('ownership:gained', () => Promise.reject(new Error('a listener failed')));
  }
}
