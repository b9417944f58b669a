import type { DiscoveryService } from '@nestjs/core';
import {
  EVENT_NAMES,
  type Logger,
  type WaSync,
  WaSyncError,
  type WaSyncEventName,
  type WaSyncEvents,
} from '@wa-sync/core';

const LISTENERS = Symbol.for('@wa-sync/nest listeners');

/** One method of a class and one event that it listens to. */
export interface Listening {
  readonly method: string | symbol;
  readonly event: WaSyncEventName;
}

type WithListeners = { readonly [LISTENERS]?: readonly Listening[] };

/**
 * Calls this method of a provider or controller with each event of that name, from before the replica starts. What it
 * throws is logged and harms nothing. A request-scoped or transient class has no instance to call; a warning says so.
 *
 * @throws WaSyncError `config_invalid` for a name that is no event
 * @example
 * @OnWaSync('session:changed')
 * notifyTeam({ sessionId, to }: WaSyncEvents['session:changed']) {}
 */
export function OnWaSync<Event extends WaSyncEventName>(event: Event) {
  if (!EVENT_NAMES.includes(event)) {
    const takes = EVENT_NAMES.join(', ');
    throw new WaSyncError('config_invalid', `OnWaSync does not know the event "${event}"; it takes: ${takes}`);
  }
  return <Listener extends (payload: WaSyncEvents[Event]) => unknown>(
    prototype: object,
    method: string | symbol,
    _descriptor: TypedPropertyDescriptor<Listener>,
  ): void => {
    // Kept by the method's name, not on the function: another decorator may put a function of its own in its place.
    const others = listenersOf(prototype).filter((one) => one.method !== method || one.event !== event);
    Object.defineProperty(prototype, LISTENERS, { value: [...others, { method, event }], configurable: true });
  };
}

/** What the methods of an instance, or of a prototype, listen to; inherited ones too. */
function listenersOf(target: object): readonly Listening[] {
  return (target as WithListeners)[LISTENERS] ?? [];
}

/** Subscribes every method that carries `@OnWaSync`, once an instance. */
export function subscribeListeners(deps: {
  wa: Pick<WaSync, 'on'>;
  logger: Logger;
  discovery: DiscoveryService;
}): void {
  const { wa, logger, discovery } = deps;
  const subscribed = new Set<unknown>();

  for (const wrapper of [...discovery.getProviders(), ...discovery.getControllers()]) {
    const instance: unknown = wrapper.instance;
    // An alias (`useExisting`) is the same instance again.
    if (typeof instance !== 'object' || instance === null || subscribed.has(instance)) continue;
    subscribed.add(instance);
    const listeners = listenersOf(instance);
    if (listeners.length === 0) continue;
    if (wrapper.isTransient || !wrapper.isDependencyTreeStatic()) {
      logger.warn(
        { code: 'listener_scoped', provider: wrapper.name },
        `@OnWaSync of ${String(wrapper.name)} is never called: it is made anew for each request or injection`,
      );
      continue;
    }
    for (const { method, event } of listeners) {
      // Read at each event: a method may be replaced later, by a spy or by tracing.
      wa.on(event, (payload) =>
        (instance as Record<string | symbol, (payload: unknown) => unknown>)[method]?.(payload),
      );
    }
  }
}
