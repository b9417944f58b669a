import { EventEmitter } from 'eventemitter3';
import type { WaSyncEventName, WaSyncEvents } from '../../api/events.js';
import type { HostCalls } from '../limits/host-calls.js';

export type Events = ReturnType<typeof createEvents>;

/** The emitter of one replica. A listener that throws or rejects is logged, once for each cause, and harms nothing. */
export function createEvents(host: HostCalls) {
  const emitter = new EventEmitter();

  return {
    emit<Name extends WaSyncEventName>(name: Name, payload: WaSyncEvents[Name]): void {
      emitter.emit(name, payload);
    },
    on<Name extends WaSyncEventName>(name: Name, listener: (payload: WaSyncEvents[Name]) => unknown): () => void {
      const asked = {
        name: `on('${name}')`,
        code: 'listener_failed',
        text: `A listener of ${name} failed`,
        fields: { event: name },
      };
      const contained = (payload: WaSyncEvents[Name]): void => void host.notify(asked, () => listener(payload));
      emitter.on(name, contained);
      return () => void emitter.off(name, contained);
    },
  };
}
