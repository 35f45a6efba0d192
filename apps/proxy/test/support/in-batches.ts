/** As many as a small server takes at once without shedding load, on a machine that has more to do. */
const BATCH = 8;

/** Does some work for every item, a batch at a time; resolves to what came of it, in the order of the items. */
export async function inBatches<Item, Result>(
  items: readonly Item[],
  work: (item: Item, index: number) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < items.length; from += BATCH) {
    const batch = items.slice(from, from + BATCH);
    results.push(...(await Promise.all(batch.map((item, index) => work(item, from + index)))));
  }
  return results;
}
