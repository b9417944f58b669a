/** Session ids in one order, with pages that cost no more than what they answer. */
export interface OrderedIds {
  readonly size: number;
  add(id: string): void;
  delete(id: string): void;
  /** Up to `limit` ids that come after `after`, from the first one when it is absent. */
  page(after: string | undefined, limit: number): string[];
}

const BUCKET_SIZE = 512;

// Surrogates stand below U+E000 in UTF-16 and above it in UTF-8.
function rank(codeUnit: number): number {
  if (codeUnit < 0xd800) return codeUnit;
  return codeUnit < 0xe000 ? codeUnit + 0x2000 : codeUnit - 0x800;
}

/**
 * The order of the ids' UTF-8 bytes: the one of Postgres' collation "C" and of Redis, so that a page has the same rows
 * in every store. JavaScript's own `<` differs from it where one id has an emoji and the other a character above
 * U+E000.
 */
export function compareIds(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index += 1) {
    const difference = rank(a.charCodeAt(index)) - rank(b.charCodeAt(index));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** First index at which `after` holds; `items` are ordered so that it is false, then true. */
function firstIndex<Item>(items: readonly Item[], after: (item: Item) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (after(items[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Buckets of at most {@link BUCKET_SIZE} ids: one long array would move 100,000 pointers for every id that is added.
 */
export function createOrderedIds(): OrderedIds {
  const buckets: string[][] = [];
  let size = 0;

  function bucketOf(id: string): number {
    return firstIndex(buckets, (bucket) => compareIds(bucket[bucket.length - 1]!, id) >= 0);
  }

  return {
    get size() {
      return size;
    },
    add(id) {
      const at = Math.min(bucketOf(id), Math.max(buckets.length - 1, 0));
      const bucket = buckets[at];
      if (bucket === undefined) {
        buckets.push([id]);
        size += 1;
        return;
      }
      const place = firstIndex(bucket, (other) => compareIds(other, id) >= 0);
      if (bucket[place] === id) return;
      bucket.splice(place, 0, id);
      size += 1;
      if (bucket.length > BUCKET_SIZE) buckets.splice(at + 1, 0, bucket.splice(BUCKET_SIZE / 2));
    },
    delete(id) {
      const at = bucketOf(id);
      const bucket = buckets[at];
      if (bucket === undefined) return;
      const place = firstIndex(bucket, (other) => compareIds(other, id) >= 0);
      if (bucket[place] !== id) return;
      bucket.splice(place, 1);
      size -= 1;
      if (bucket.length === 0) buckets.splice(at, 1);
    },
    page(after, limit) {
      const found: string[] = [];
      let at = after === undefined ? 0 : bucketOf(after);
      let place = after === undefined ? 0 : firstIndex(buckets[at] ?? [], (id) => compareIds(id, after) > 0);
      for (; at < buckets.length && found.length < limit; at += 1, place = 0) {
        found.push(...buckets[at]!.slice(place, place + limit - found.length));
      }
      return found;
    },
  };
}
