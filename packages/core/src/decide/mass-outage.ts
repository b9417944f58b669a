/** What a replica sees of its own links. */
export interface LinkCounts {
  /** Links that are open. */
  readonly up: number;
  /** Links that fell in the window, or in the outage that is suspected, and are still down. */
  readonly fallen: number;
}

/** Part of the links that must fall in one window, in hundredths: a part of 0.55 has no exact number of its own. */
const BEGINS_AT = 55;
/** It is over once fewer than half of that are still down, so that it does not come and go with a few. */
const ENDS_BELOW = BEGINS_AT / 2;
const FEWEST = 3;

/**
 * Whether the fault is probably this replica's own: most of its links look dead at once. Pure; links that were never open, and those that
 * WhatsApp itself ended for good, are not counted by the caller.
 */
export function looksLikeMassOutage(params: LinkCounts & { suspected: boolean }): boolean {
  const { up, fallen, suspected } = params;
  return fallen >= FEWEST && fallen * 100 >= (up + fallen) * (suspected ? ENDS_BELOW : BEGINS_AT);
}
