/** What a command ends with, the same for all of them. */
export const EXIT = {
  /** In sync, or done. */
  fine: 0,
  /** The command could not do its work. */
  error: 1,
  /** Something is not as it has to be, or a change is pending. */
  drift: 2,
} as const;

/** One of the values of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
