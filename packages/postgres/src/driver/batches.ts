/** The most rows of one statement. */
export const MOST_ROWS = 1000;

/**
 * Cuts items into statements of at most {@link MOST_ROWS} in which no id occurs twice (an UPDATE takes any one of several
 * rows that match), each in the order of ids, so that statements lock rows in one order.
 */
export function inRounds<Item extends { readonly id: string }>(items: readonly Item[]): Item[][] {
  const rounds: { ids: Set<string>; items: Item[] }[] = [];
  for (const item of items) {
    let round = rounds.find(({ ids }) => ids.size < MOST_ROWS && !ids.has(item.id));
    if (round === undefined) {
      round = { ids: new Set(), items: [] };
      rounds.push(round);
    }
    round.ids.add(item.id);
    round.items.push(item);
  }
  return rounds.map((round) => round.items.sort((a, b) => (a.id < b.id ? -1 : 1)));
}
