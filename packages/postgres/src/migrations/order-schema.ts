/**
 * How far the writes of a process to a session's credentials have come. A statement that was given up may arrive late, after newer ones of the same process: a
 * fence by tenure does not tell them apart.
 */
export const AUTH_ORDER = `
CREATE TABLE @schema.auth_order (
  session_no bigint PRIMARY KEY REFERENCES @schema.session (no) ON DELETE CASCADE,
  writer text COLLATE "C" NOT NULL,
  write_no bigint NOT NULL
) WITH (fillfactor = 50);
`;

/** The same for what the host wants of a session: a wish that was given up and arrives late must not undo a newer one. */
export const WISH_ORDER = `
CREATE TABLE @schema.wish_order (
  session_no bigint PRIMARY KEY REFERENCES @schema.session (no) ON DELETE CASCADE,
  writer text COLLATE "C" NOT NULL,
  write_no bigint NOT NULL
) WITH (fillfactor = 50);
`;
