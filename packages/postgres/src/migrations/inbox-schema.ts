/**
 * Requests between replicas. `expires_at` ends a request that is not answered; nothing but a person's patience hangs on it. A row is written two or three
 * times and then deleted, so the one index that finds what waits may hold a column that changes.
 */
export const INBOX = `
CREATE TABLE @schema.request (
  no bigint GENERATED ALWAYS AS IDENTITY,
  id text COLLATE "C" PRIMARY KEY,
  session_no bigint NOT NULL REFERENCES @schema.session (no) ON DELETE CASCADE,
  kind text NOT NULL,
  asker text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  expires_at timestamptz NOT NULL,
  taken_at timestamptz,
  answered_at timestamptz,
  body text
) WITH (fillfactor = 70);
CREATE INDEX request_waiting ON @schema.request (owner, no) WHERE taken_at IS NULL;
CREATE INDEX request_session ON @schema.request (session_no);
`;
