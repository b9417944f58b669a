import type { JobRun, Transition } from '@wa-sync/core';
import type { Service } from './open-service.js';
import type { SessionSource } from './session-view.js';

/** A run of a job as the commands see it, from the service or from the store. */
export interface JobRunView extends Pick<JobRun, 'id' | 'job' | 'outcome' | 'counts' | 'error'> {
  readonly slot: string | null;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

/** A change of a row as the commands see it. */
export interface TransitionView extends Pick<Transition, 'id' | 'from' | 'to' | 'evidence' | 'health' | 'reason'> {
  readonly at: string;
}

/** What a command reads from, a running service or a database. */
export interface Source {
  readonly sessions: SessionSource;
  /** Runs of jobs, newest first. */
  listRuns(params: {
    job: string | undefined;
    limit: number;
  }): Promise<{ readonly runs: readonly JobRunView[]; readonly next: string | null }>;
  /** One run, or `null`. */
  getRun(id: string): Promise<Readonly<Record<string, unknown>> | null>;
  /** The changes of one session, newest first. */
  listHistory(params: {
    id: string;
    before: string | undefined;
    limit: number;
  }): Promise<{ readonly transitions: readonly TransitionView[]; readonly next: string | null }>;
  /** `null` where a database is read. */
  readonly service: Service | null;
}

/** What the endpoints of a service answer. */
export function sourceOfService(service: Service): Source {
  return {
    service,
    sessions: service.sessions,
    async listRuns({ job, limit }) {
      const query = new URLSearchParams({ limit: String(limit), ...(job ? { job } : {}) });
      return (await service.ask(`/runs?${query}`)).body as unknown as Awaited<ReturnType<Source['listRuns']>>;
    },
    async getRun(id) {
      return (await service.ask(`/runs/${encodeURIComponent(id)}`)).body;
    },
    async listHistory({ id, before, limit }) {
      const query = new URLSearchParams({ limit: String(limit), ...(before ? { before } : {}) });
      const { body } = await service.ask(`/sessions/${encodeURIComponent(id)}/history?${query}`);
      return body as unknown as Awaited<ReturnType<Source['listHistory']>>;
    },
  };
}

/** A run of the store as text and instants of ISO 8601. */
export function viewOfRun({ id, job, slot, outcome, startedAt, endedAt, counts, error }: JobRun): JobRunView {
  return {
    id,
    job,
    slot: slot?.toISOString() ?? null,
    outcome,
    startedAt: startedAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
    counts,
    error,
  };
}

/** A change of the store, the same way. */
export function viewOfTransition({ id, at, from, to, evidence, health, reason }: Transition): TransitionView {
  return { id, at: at.toISOString(), from, to, evidence, health, reason };
}
