import { EventEmitter } from 'eventemitter3';
import type { WaSyncEventName, WaSyncEvents } from '../../api/events.js';
import type { FailureLog } from '../../logging/log-failures.js';

export type Events = ReturnType<typeof createEvents>;

/** The emitter of one replica. A listener that throws or rejects is logged, once for each cause, and harms nothing. */
export function createEvents(failures: FailureLog) {
  const emitter = new EventEmitter();

  return {
    emit<Name extends WaSyncEventName>(name: Name, payload: WaSyncEvents[Name]): void {
      emitter.emit(name, payload);
    },
    on<Name extends WaSyncEventName>(name: Name, listener: (payload: WaSyncEvents[Name]) => unknown): () => void {
      const contained = async (payload: WaSyncEvents[Name]): Promise<void> => {
        try {
          await listener(payload);
        } catch (error) {
          failures.failed({ code: 'listener_failed', event: name }, `A listener of ${name} failed`, error);
        }
      };
      emitter.on(name, contained);
      return () => void emitter.off(name, contained);
    },
  };
}
