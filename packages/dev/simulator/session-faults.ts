/** Faults of sessions: their links, their logins, their rows, and the adapters between. */
import type { SessionStatus } from '@wa-sync/core';
import type { FaultKind } from './draw-settings.js';
import type { FaultContext, FaultEffects } from './fault-context.js';
import { NO_QUIRKS, type Quirks } from './sim-connection.js';
import type { EndCode } from './whatsapp.js';

const CLOSES: readonly EndCode[] = ['connection_lost', 'restart_required', 'service_unavailable'];
const FOREIGN_WORDS: readonly SessionStatus[] = ['CONNECTED', 'DISCONNECTED', 'RECONNECTING', 'ERROR', 'QR_CODE'];

export function sessionFaults(context: FaultContext): FaultEffects {
  const { world, draw, until, note, statusOf, someReplica, someLine, someSession } = context;
  const { timeline, whatsapp, server, plan } = world;

  function quirk(kind: FaultKind, change: Partial<Quirks>): void {
    const line = someLine();
    if (!line) return;
    note(kind, line.session, statusOf(line.session));
    Object.assign(line.quirks, change);
    until(draw.between(3_000, 40_000), () => {
      for (const key of Object.keys(change) as (keyof Quirks)[]) Object.assign(line.quirks, { [key]: NO_QUIRKS[key] });
    });
  }

  function onLink(kind: FaultKind, act: (session: string) => boolean, detail?: string): void {
    const session = someSession();
    const met = statusOf(session);
    if (act(session)) note(kind, session, met, detail);
  }

  function pairLater(session: string): void {
    until(draw.between(5_000, 60_000), () => {
      const lines = world.replicas().flatMap((replica) => [...replica.lines.values()]);
      const line = lines.find((one) => one.session === session && !one.stopped);
      if (line) line.pair();
    });
  }

  return {
    silent_link: () => onLink('silent_link', whatsapp.goSilent),
    silent_network() {
      const replica = someReplica();
      if (!replica) return;
      note('silent_network', replica.process.name, replica.phase);
      for (const line of replica.lines.values()) whatsapp.goSilent(line.session);
    },
    link_closed() {
      const code = draw.pick(CLOSES);
      onLink('link_closed', (session) => whatsapp.endByServer(session, code), code);
    },
    opened_elsewhere: () => onLink('opened_elsewhere', whatsapp.openElsewhere),
    logged_out: () =>
      onLink('logged_out', (session) => {
        const via = world.replicas().filter((replica) => replica.phase === 'running');
        // The person at the phone, or the host's own program, on whichever replica its call arrives.
        if (via.length === 0 || draw.chance(0.5)) whatsapp.logOut(session);
        else {
          const replica = draw.pick(via);
          replica.process.deliver(() => void replica.ask('logout', session));
        }
        pairLater(session);
        return true;
      }),
    foreign_write() {
      const session = someSession();
      const met = statusOf(session);
      const status = draw.pick(FOREIGN_WORDS);
      const set = {
        status,
        health: 'healthy',
        reason: { code: 'foreign' },
        reconnectAttempt: 0,
        phone: null,
        qr: null,
      } as const;
      void server.foreignWrite(session, { ...set, seenAgoMs: null }).then((done) => {
        if (done) note('foreign_write', session, met, status);
      });
    },
    row_deleted() {
      // A host that attaches it again makes a row that a provider may open: there the two must not share a session.
      const session = plan.provided.length > 0 ? draw.pick(plan.provided) : someSession();
      const met = statusOf(session);
      world.exempt(session, 'deleted');
      void server.foreignDelete(session).then((done) => {
        if (!done) return;
        note('row_deleted', session, met);
        // What happens to its link now wants to be written.
        if (draw.chance(0.7))
          timeline.after(draw.between(1, 2_000), () => whatsapp.endByServer(session, draw.pick(CLOSES)));
      });
    },
    row_locked() {
      const session = someSession();
      const ms = draw.pick([draw.between(10, 1_000), draw.between(1_000, 40_000)]);
      note('row_locked', session, statusOf(session), `${ms}`);
      until(ms, server.lock(session));
      // There is something to write, or to claim.
      if (draw.chance(0.7))
        timeline.after(draw.between(1, 1_000), () => whatsapp.endByServer(session, draw.pick(CLOSES)));
    },
    probe_never: () => quirk('probe_never', { probe: 'never' }),
    probe_throws: () => quirk('probe_throws', { probe: 'throws' }),
    probe_slow: () => quirk('probe_slow', { probe: 'slow' }),
    snapshot_unknown: () => quirk('snapshot_unknown', { snapshot: 'unknown' }),
    snapshot_throws: () => quirk('snapshot_throws', { snapshot: 'throws' }),
    heal_fails: () => quirk('heal_fails', { heal: draw.pick(['nothing', 'throws']) }),
    send_fails: () => quirk('send_fails', { send: draw.pick(['unknown', 'failed', 'never', 'throws']) }),
    degraded() {
      const line = someLine();
      if (!line) return;
      note('degraded', line.session, statusOf(line.session));
      line.setHealth('degraded');
      until(draw.between(5_000, 60_000), () => line.setHealth('healthy'));
    },
    session_moved() {
      const session = plan.attached.length > 0 ? draw.pick(plan.attached) : null;
      const target = someReplica();
      if (!session || !target || world.homeOf(session) === target.process.replicaId) return;
      note('session_moved', session, statusOf(session), target.process.name);
      const old = world.replicas().find((replica) => replica.process.replicaId === world.homeOf(session));
      world.move(session, target.process.replicaId);
      target.process.deliver(() => target.attach(session));
      // The host takes the old one down at once, later, or forgets to.
      const line = old?.lines.get(session);
      if (line && draw.chance(0.7)) until(draw.between(0, 20_000), () => line.process.deliver(() => line.stop()));
    },
    session_stopped() {
      const session = plan.provided.length > 0 ? draw.pick(plan.provided) : null;
      const replica = someReplica();
      if (!session || replica?.phase !== 'running') return;
      note('session_stopped', session, statusOf(session));
      const want = (desired: 'running' | 'stopped'): void => {
        const via = world.replicas().find((one) => one.phase === 'running');
        via?.process.deliver(() => {
          const call = desired === 'running' ? via.wa.sessions.start(session) : via.wa.sessions.stop(session);
          call.catch(() => {});
        });
      };
      want('stopped');
      until(draw.between(5_000, 60_000), () => want('running'));
    },
  };
}
