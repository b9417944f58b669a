import type { Device } from '../devices/device-registry.js';
import type { ServerConnection } from '../link/connection.js';
import { type ConnectionPlan, createPlanQueue } from '../link/connection-plan.js';
import type { Connection } from '../link/connection-view.js';
import type { Mailbox } from './mailbox.js';
import type { HistoryEntry, MessagePolicy, Session, SessionEvent } from './session-view.js';
import type { Waiter } from './waiter.js';

export type ServerSession = Session & {
  readonly record: Device;
  readonly messagePolicy: MessagePolicy;
  /** The connection that is logged in and not silent. */
  readonly onlineConnection: ServerConnection | undefined;
  takePlan(): ConnectionPlan;
  attach(connection: ServerConnection): void;
  detach(connection: ServerConnection): void;
  noteLogin(connection: ServerConnection): void;
  /** A login has been seen elsewhere while this connection was silent: it learns so now. */
  evictIfReplaced(connection: ServerConnection): void;
  note(event: SessionEvent, connection?: Connection, detail?: string): void;
  noteFrame(): void;
};

export function createSession(
  record: Device,
  mailbox: Mailbox,
  noted: (entry: HistoryEntry) => void,
  waiter: Waiter,
): ServerSession {
  const plans = createPlanQueue();
  const history: HistoryEntry[] = [];
  const transitions: { at: Date; connected: boolean }[] = [];
  let connections: ServerConnection[] = [];
  let standing: ConnectionPlan = {};
  let messagePolicy: MessagePolicy = {};
  let logins = 0;
  let lastLoginAt: Date | undefined;
  let lastFrameAt: Date | undefined;

  function open(): ServerConnection[] {
    return connections.filter(({ state }) => state !== 'closed');
  }

  function onlineConnection(): ServerConnection | undefined {
    return open().findLast(({ state }) => state === 'online');
  }

  function current(): ServerConnection {
    const connection = onlineConnection() ?? open().at(-1);
    if (!connection) throw new Error(`${record.jid} has no open connection`);
    return connection;
  }

  function stand(plan: ConnectionPlan, act: (connection: Connection) => void): void {
    const merged = Object.entries({ ...standing, ...plan }).filter(([, value]) => value !== undefined);
    standing = Object.fromEntries(merged);
    for (const connection of open()) act(connection);
  }

  const session: ServerSession = {
    record,
    jid: record.jid,
    lid: record.lid,
    phone: record.phone,
    device: record.device,
    get state() {
      if (onlineConnection()) return 'online';
      const state = open().at(-1)?.state ?? 'offline';
      return state === 'closed' ? 'offline' : state;
    },
    get connected() {
      return onlineConnection() !== undefined;
    },
    get linked() {
      return record.linked;
    },
    get logins() {
      return logins;
    },
    get lastLoginAt() {
      return lastLoginAt;
    },
    get lastFrameAt() {
      return lastFrameAt;
    },
    get history() {
      return history;
    },
    get connections() {
      return connections;
    },
    get transitions() {
      return transitions;
    },
    wasConnected: (at) => transitions.findLast((transition) => transition.at <= at)?.connected ?? false,
    get messagePolicy() {
      return messagePolicy;
    },
    get pending() {
      return mailbox.size;
    },
    get onlineConnection() {
      return onlineConnection();
    },

    goSilent: (options) => current().goSilent(options),
    resume: () => current().resume(),
    fin: () => current().fin(),
    rst: () => current().rst(),
    rstMidFrame: () => current().rstMidFrame(),
    closeWebSocket: (code, reason) => current().closeWebSocket(code, reason),
    streamError: (error) => current().streamError(error),
    xmlStreamEnd: () => current().xmlStreamEnd(),
    sendGarbage: () => current().sendGarbage(),
    sendNode: (node) => current().sendNode(node),
    delayReplies: (delayMs) =>
      stand({ replyDelayMs: delayMs || undefined }, (connection) => connection.delayReplies(delayMs)),
    ignoreIqs: (filter) => stand({ unansweredIqs: filter }, (connection) => connection.ignoreIqs(filter)),
    answerIqs: () => stand({ unansweredIqs: undefined }, (connection) => connection.answerIqs()),

    planNextLogin: (plan, options = {}) => plans.add(plan, options.times ?? 1),
    failNextLogin: (reason, options = {}) =>
      plans.add({ failure: { reason, attrs: options.attrs } }, options.times ?? 1),
    clearPlans() {
      plans.clear();
      standing = {};
    },
    treatMessages(policy) {
      messagePolicy = policy;
    },
    logOut() {
      record.linked = false;
      session.note('logged-out');
      onlineConnection()?.streamError({ conflict: 'device_removed' });
    },

    waitForLogin: (options) => waiter.until(() => session.connected && session, `a login of ${record.jid}`, options),
    waitForNextLogin(options) {
      const before = logins;
      return waiter.until(() => logins > before && session, `the next login of ${record.jid}`, options);
    },
    waitForState: (state, options) =>
      waiter.until(() => session.state === state && session, `${record.jid} to be ${state}`, options),
    waitForEvent: (event, options) =>
      waiter.until(() => history.find((entry) => entry.event === event), `"${event}" of ${record.jid}`, options),
    waitForNextEvent(event, options) {
      const before = history.length;
      return waiter.until(
        () => history.slice(before).find((entry) => entry.event === event),
        `the next "${event}" of ${record.jid}`,
        options,
      );
    },

    takePlan: () => ({ ...standing, ...plans.take() }),
    attach(connection) {
      connection.setJid(record.jid);
      connections = [...connections, connection];
      lastFrameAt = connection.lastFrameAt;
    },
    detach(connection) {
      connections = connections.filter((other) => other !== connection);
      mailbox.shut(connection);
    },
    noteLogin(connection) {
      logins += 1;
      lastLoginAt = new Date();
      session.note('login', connection);
    },
    evictIfReplaced(connection) {
      const newest = onlineConnection();
      if (!newest || newest === connection) return;
      session.note('replaced', connection, `by connection ${newest.id}`);
      connection.streamError({ conflict: 'replaced' });
    },
    note(event, connection, detail) {
      const at = new Date();
      const entry = { at, event, connectionId: connection?.id, detail };
      history.push(entry);
      const connected = onlineConnection() !== undefined;
      if (connected !== (transitions.at(-1)?.connected ?? false)) transitions.push({ at, connected });
      noted(entry);
    },
    noteFrame() {
      lastFrameAt = new Date();
    },
  };
  return session;
}
