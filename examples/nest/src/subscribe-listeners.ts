import type { DiscoveryService } from '@nestjs/core';
import type { Logger, WaSync } from '@wa-sync/core';
import { listenersOf } from './on-wa-sync.js';

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
      // Looked up at each event: a method may be replaced later, by a spy or by tracing.
      wa.on(event, (payload) =>
        (instance as Record<string | symbol, (payload: unknown) => unknown>)[method]?.(payload),
      );
    }
  }
}
