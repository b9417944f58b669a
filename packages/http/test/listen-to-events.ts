import { request as httpRequest } from 'node:http';

/** One `session:changed` as it came over the wire. */
export interface SeenChange {
  readonly sessionId: string;
  readonly from: string;
  readonly to: string;
  readonly at: string;
}

/** A client that remembers the last id, as a browser does, and goes on after it wherever it connects next. */
export interface EventClient {
  readonly changes: readonly SeenChange[];
  /** Events of other names. */
  readonly others: readonly string[];
  /** Every id that came, of whichever event or of none, and how many changes had come by then. */
  readonly ids: readonly { readonly id: string; readonly changes: number }[];
  /** Settles once the first bytes are there. */
  connect(url: string): Promise<void>;
  cut(): Promise<void>;
  /** Settles once `done` holds. */
  until(done: (client: EventClient) => boolean): Promise<void>;
}

export function createEventClient(comesWith: string | null = null): EventClient {
  const changes: SeenChange[] = [];
  const others: string[] = [];
  const ids: { id: string; changes: number }[] = [];
  let lastId = comesWith;
  let check = () => {};
  let cut = async () => {};

  /** One block of the stream, by the rules of the HTML standard. */
  function take(block: string): void {
    let name = 'message';
    let data: string | null = null;
    for (const line of block.split('\n')) {
      const [, field, value = ''] = /^(\w+):? ?(.*)$/.exec(line) ?? [];
      if (field === 'id') lastId = value;
      if (field === 'event') name = value;
      if (field === 'data') data = value;
    }
    if (data !== null && name !== 'session:changed') others.push(name);
    else if (data !== null) changes.push(JSON.parse(data) as SeenChange);
    ids.push({ id: lastId ?? '', changes: changes.length });
  }

  const client: EventClient = {
    changes,
    others,
    ids,
    async connect(url) {
      await new Promise<void>((resolve, reject) => {
        const headers: Record<string, string> = lastId === null ? {} : { 'last-event-id': lastId };
        const outgoing = httpRequest(url, { headers, agent: false }, (response) => {
          if (response.statusCode !== 200) return reject(new Error(`answered ${response.statusCode}`));
          let rest = '';
          response.setEncoding('utf8').on('data', (part: string) => {
            const blocks = (rest + part).split('\n\n');
            rest = blocks.pop() ?? '';
            for (const block of blocks) take(block);
            resolve();
            check();
          });
          response.on('error', () => {});
        });
        const closed = new Promise<void>((over) => outgoing.on('close', () => over()));
        outgoing.on('error', reject);
        outgoing.end();
        cut = async () => {
          outgoing.destroy();
          await closed;
        };
      });
    },
    cut: () => cut(),
    until: (done) =>
      new Promise((resolve) => {
        check = () => {
          if (!done(client)) return;
          check = () => {};
          resolve();
        };
        check();
      }),
  };
  return client;
}
