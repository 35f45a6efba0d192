import { newId, positionOf } from "./ids.ts";

/** What every stored object has. */
export interface Stored {
  readonly id: string;
}

/**
 * Objects of one kind in the order of their creation, at most `sizeMax`: the oldest are forgotten.
 * Objects are immutable; a change replaces the object, so whoever holds the old one holds a snapshot.
 * An id carries the object's position, so that finding it needs no index: under load an index over 200,000 ids would
 * cost more than everything else that is done for a call.
 */
export class Collection<Item extends Stored> {
  #items: (Item | undefined)[] = [];
  /** The position of `#items[0]` since the beginning. */
  #first = 0;
  #next = 0;
  /** Positions of ids that callers chose; few. */
  readonly #chosen = new Map<string, number>();
  readonly #sizeMax: number;
  readonly #onWrite: () => void;

  constructor(sizeMax: number, onWrite: () => void) {
    this.#sizeMax = sizeMax;
    this.#onWrite = onWrite;
  }

  /** The id for an object that may be put later. Objects are listed in the order in which their ids were taken. */
  newId(prefix: string): string {
    this.#next += 1;
    return newId(prefix, this.#next - 1);
  }

  /** Lets `id`, which the caller chose, stand for an object that may be put later. */
  adoptId(id: string): string {
    this.#chosen.set(id, this.#next);
    this.#next += 1;
    return id;
  }

  get(id: string): Item | undefined {
    const item = this.#items[this.#index(id)];
    return item?.id === id ? item : undefined;
  }

  /** Adds an object or replaces the one with its id, which must come from {@link newId}; returns it. */
  put(item: Item): Item {
    this.#onWrite();
    const index = this.#index(item.id);
    if (index < 0) return item; // Forgotten meanwhile.
    // Ids that were taken and never put leave holes.
    while (this.#items.length < index) this.#items.push(undefined);
    this.#items[index] = item;
    // Forgotten in blocks, so that keeping the limit costs O(1) an object.
    if (this.#items.length > this.#sizeMax * 1.25) {
      const count = this.#items.length - this.#sizeMax;
      this.#items = this.#items.slice(count);
      this.#first += count;
    }
    return item;
  }

  /** Takes an object away. */
  remove(id: string): void {
    if (this.get(id) === undefined) return;
    this.#onWrite();
    this.#items[this.#index(id)] = undefined;
  }

  /** Newest first, from the newest that is older than `after` (the very newest when absent). */
  *newestFirst(after?: string): Generator<Item> {
    const start = after === undefined ? this.#items.length : this.#index(after);
    for (let index = start - 1; index >= 0; index -= 1) {
      const item = this.#items[index];
      if (item !== undefined) yield item;
    }
  }

  /** Oldest first, from the oldest that is newer than `before`. */
  *oldestFirst(before: string): Generator<Item> {
    for (let index = this.#index(before) + 1; index < this.#items.length; index += 1) {
      const item = this.#items[index];
      if (item !== undefined) yield item;
    }
  }

  #index(id: string): number {
    return (this.#chosen.get(id) ?? positionOf(id)) - this.#first;
  }
}
