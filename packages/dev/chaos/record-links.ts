import type { FakeWhatsApp } from '@wa-sync/fake-whatsapp';
import type { HistoryFact } from '../simulator/index.js';

/** Name of the process that a connection came from, which is in its address. */
export function processOf(path: string): string {
  return new URL(path, 'ws://whatsapp').searchParams.get('from') ?? 'nobody';
}

/** Address under which a process with this name reaches the server behind `port`. */
export function addressFor(port: number, process: string): string {
  return `ws://127.0.0.1:${port}/ws/chat?from=${process}`;
}

/** Notes each link that the server sees begin, fall silent or end. */
export function recordLinks(
  whatsapp: FakeWhatsApp,
  sessionOf: (phone: string) => string,
  note: (fact: HistoryFact) => void,
): void {
  const open = new Set<string>();
  whatsapp.onEvent((session, { event, connectionId }) => {
    const connection = session.connections.find(({ id }) => id === connectionId);
    const about = { what: 'link', session: sessionOf(session.phone) } as const;
    const end = (id: number | undefined, actor: string, why?: string): void => {
      if (open.delete(`link-${id}`)) note({ ...about, actor, event: 'ended', link: `link-${id}`, why });
    };
    if (event === 'login' && connection) {
      for (const other of session.connections) {
        // Of a silent one the server cannot know that its client has long given it up.
        if (other.id < connection.id)
          end(other.id, processOf(other.path), other.state === 'online' ? 'conflict' : 'silent');
      }
      open.add(`link-${connection.id}`);
      const actor = processOf(connection.path);
      note({ ...about, actor, event: 'open', link: `link-${connection.id}`, mode: 'provided' });
    } else if (event === 'silent' && open.has(`link-${connectionId}`)) {
      note({ ...about, actor: 'whatsapp', event: 'silent', link: `link-${connectionId}` });
    } else if (event === 'closed' || event === 'ended') {
      end(connectionId, 'whatsapp', event);
    }
  });
}
