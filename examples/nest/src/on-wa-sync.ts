import { EVENT_NAMES, WaSyncError, type WaSyncEventName, type WaSyncEvents } from '@wa-sync/core';

const LISTENERS = Symbol.for('@wa-sync/nest listeners');

/** One method of a class and one event that it listens to. */
export interface Listening {
  readonly method: string | symbol;
  readonly event: WaSyncEventName;
}

type WithListeners = { readonly [LISTENERS]?: readonly Listening[] };

/**
 * Calls this method of a provider or controller with each event of that name, from before the replica starts. What it throws is logged and
 * harms nothing. A request-scoped or transient class has no instance to call; a warning says so.
 *
 * @throws WaSyncError `config_invalid` for a name that is no event
 * @example
 * @OnWaSync('session:changed')
 * tellTeam({ sessionId, to }: WaSyncEvents['session:changed']) {}
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
export function listenersOf(target: object): readonly Listening[] {
  return (target as WithListeners)[LISTENERS] ?? [];
}
