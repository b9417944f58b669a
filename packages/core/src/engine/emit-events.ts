import { EventEmitter } from 'eventemitter3';
import type { WaSyncEventName, WaSyncEvents } from '../events.js';
import type { Logger } from '../ports/logger.js';

export type Events = ReturnType<typeof createEvents>;

/** The emitter of one replica. A listener that throws or rejects is logged and harms nothing. */
export function createEvents(logger: Logger) {
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
          logger.error({ code: 'listener_failed', event: name, err: error }, `A listener of ${name} failed`);
        }
      };
      emitter.on(name, contained);
      return () => void emitter.off(name, contained);
    },
  };
}
