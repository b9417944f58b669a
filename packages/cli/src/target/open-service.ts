import { CliError } from '../terminal/cli-error.js';
import type { SessionPage, SessionSource, SessionView } from './session-view.js';

/** A request must be answered in this time; the wait for a run is asked for by `Prefer`. */
const ANSWER_WITHIN_MS = 30_000;
/** How long the service holds a request open for a run before it says 202. */
const PREFERRED_WAIT_S = 20;
const POLL_MS = 500;

type Json = Readonly<Record<string, unknown>>;

/** A report of a run, whatever it was. */
export interface RunReport {
  readonly dryRun?: boolean;
  readonly postponed?: string | null;
  readonly totals: Readonly<Record<string, number>>;
  readonly sessions?: readonly Readonly<Record<string, unknown>>[];
  readonly conversations?: readonly Json[];
}

/** What a POST returns. */
export interface RunAnswer {
  readonly message: string;
  readonly timestamp: string;
  readonly report: RunReport;
}

/** A run that outlasted its request. */
interface RunView {
  readonly state: 'running' | 'completed' | 'failed';
  readonly finishedAt: string;
  readonly report: RunReport;
  readonly problem: { readonly code: string; readonly title: string; readonly detail?: string } | null;
}

export type Service = ReturnType<typeof openService>;

/** The endpoints of a running service. The token goes nowhere but into the header. */
export function openService(target: { url: string; token: string | null }) {
  const { url, token } = target;
  const authorization: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };

  async function ask(path: string, init: { method?: string; body?: object; prefer?: string } = {}) {
    const { method = 'GET', body, prefer } = init;
    const headers = { ...authorization, ...(prefer ? { prefer } : {}), 'content-type': 'application/json' };
    let response: Response;
    let answer: unknown;
    try {
      // A redirect to another host must not be followed with the token.
      response = await fetch(url + path, {
        method,
        headers,
        redirect: 'error',
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      answer = await response.json();
    } catch (error) {
      throw explainFailure(error);
    }
    if (typeof answer !== 'object' || answer === null) throw notWaSync();
    if (!response.ok) throw toProblem(answer as Json);
    return { status: response.status, body: answer as Json };
  }

  function explainFailure(error: unknown): CliError {
    if (error instanceof SyntaxError) return notWaSync();
    const { cause, name } = error as { cause?: { code?: unknown; message?: unknown }; name?: string };
    const why =
      name === 'TimeoutError' ? `none in ${ANSWER_WITHIN_MS / 1_000} s` : String(cause?.code ?? cause?.message);
    const fix = 'Start the service, or say where it is: --url or WA_SYNC_URL.';
    return new CliError('service_unreachable', `No answer from ${address(url)}: ${why}`, fix);
  }

  function notWaSync(): CliError {
    const fix = 'The address has to be the one that the endpoints are mounted under, such as http://host/whatsapp.';
    return new CliError('not_wa_sync', `What answers at ${address(url)} are not the endpoints of wa-sync`, fix);
  }

  function toProblem(problem: Json): CliError {
    if (typeof problem.code !== 'string') return notWaSync();
    return new CliError(problem.code, String(problem.detail ?? problem.title ?? problem.code));
  }

  /** Starts a run and waits until it is over, however long that takes. */
  async function run(path: string, body: object): Promise<RunAnswer> {
    const first = await ask(path, { method: 'POST', body, prefer: `wait=${PREFERRED_WAIT_S}` });
    if (first.status !== 202) return first.body as unknown as RunAnswer;
    const { id } = first.body.run as { id: string };
    for (;;) {
      const now = (await ask(`/runs/${id}`)).body as unknown as RunView;
      if (now.problem) throw new CliError(now.problem.code, now.problem.detail ?? now.problem.title);
      if (now.state === 'completed') {
        return { message: 'The run is over', timestamp: now.finishedAt, report: now.report };
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  const sessions: SessionSource = {
    async list({ after, limit }) {
      const query = new URLSearchParams({ limit: String(limit), ...(after === undefined ? {} : { after }) });
      return (await ask(`/sessions?${query}`)).body as unknown as SessionPage;
    },
    async get(id) {
      try {
        return (await ask(`/sessions/${encodeURIComponent(id)}`)).body as unknown as SessionView;
      } catch (error) {
        if (error instanceof CliError && error.code === 'session_not_found') return null;
        throw error;
      }
    },
  };

  return { address: address(url), ask, run, sessions };
}

/** Without what may be secret in it. */
function address(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
