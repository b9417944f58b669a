import { Inject, Injectable } from '@nestjs/common';
import type { WaSync, WaSyncEventName, WaSyncEvents } from '@wa-sync/core';
import { WA_SYNC } from './module-options.js';

/**
 * The replica, to inject anywhere. The module starts it once every module is initialised, and stops it before any
 * provider that it depends on is destroyed.
 *
 * @example
 * constructor(@Inject(WaSyncService) private readonly wa: WaSyncService) {}
 */
@Injectable()
export class WaSyncService implements Omit<WaSync, 'start' | 'stop'> {
  constructor(@Inject(WA_SYNC) private readonly wa: WaSync) {}

  get replicaId() {
    return this.wa.replicaId;
  }

  get logger() {
    return this.wa.logger;
  }

  get currentSession() {
    return this.wa.currentSession;
  }

  get stopping() {
    return this.wa.stopping;
  }

  get sessions() {
    return this.wa.sessions;
  }

  get runs() {
    return this.wa.runs;
  }

  get history() {
    return this.wa.history;
  }

  attach(...params: Parameters<WaSync['attach']>) {
    return this.wa.attach(...params);
  }

  status(...params: Parameters<WaSync['status']>) {
    return this.wa.status(...params);
  }

  syncNow(...params: Parameters<WaSync['syncNow']>) {
    return this.wa.syncNow(...params);
  }

  forceSync(...params: Parameters<WaSync['forceSync']>) {
    return this.wa.forceSync(...params);
  }

  cleanupSessions(...params: Parameters<WaSync['cleanupSessions']>) {
    return this.wa.cleanupSessions(...params);
  }

  checkInactiveConversations(...params: Parameters<WaSync['checkInactiveConversations']>) {
    return this.wa.checkInactiveConversations(...params);
  }

  recordMessage(...params: Parameters<WaSync['recordMessage']>) {
    return this.wa.recordMessage(...params);
  }

  runJob(...params: Parameters<WaSync['runJob']>) {
    return this.wa.runJob(...params);
  }

  on<Name extends WaSyncEventName>(name: Name, listener: (payload: WaSyncEvents[Name]) => unknown) {
    return this.wa.on(name, listener);
  }
}
