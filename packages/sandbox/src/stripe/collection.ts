/** What every stored object has. */
export interface Stored {
  readonly id: string;
}

/**
 * Objects of one kind in the order of their creation, at most `sizeMax`: the oldest are forgotten.
 * Objects are immutable; a change replaces the object, so whoever holds the old one holds a snapshot.
 */
export class Collection<Item extends Stored> {
  #items: Item[] = [];
  /** The position of `#items[0]` since the beginning. */
  #first = 0;
  readonly #positions = new Map<string, number>();
  readonly #sizeMax: number;
  readonly #onWrite: () => void;

  constructor(sizeMax: number, onWrite: () => void) {
    this.#sizeMax = sizeMax;
    this.#onWrite = onWrite;
  }

  get size(): number {
    return this.#items.length;
  }

  get(id: string): Item | undefined {
    const position = this.#positions.get(id);
    return position === undefined ? undefined : this.#items[position - this.#first];
  }

  /** Adds a new object or replaces the one with its id; returns it. */
  put(item: Item): Item {
    this.#onWrite();
    const position = this.#positions.get(item.id);
    if (position !== undefined) {
      this.#items[position - this.#first] = item;
      return item;
    }
    this.#positions.set(item.id, this.#first + this.#items.length);
    this.#items.push(item);
    // Forgotten in blocks, so that keeping the limit costs O(1) an object.
    if (this.#items.length > this.#sizeMax * 1.25) this.#forget(this.#items.length - this.#sizeMax);
    return item;
  }

  /** Newest first, from the newest that is older than `after` (the very newest when absent). */
  *newestFirst(after?: string): Generator<Item> {
    const start = after === undefined ? this.#items.length : this.#index(after);
    for (let index = start - 1; index >= 0; index -= 1) yield this.#items[index] as Item;
  }

  /** Oldest first, from the oldest that is newer than `before`. */
  *oldestFirst(before: string): Generator<Item> {
    for (let index = this.#index(before) + 1; index < this.#items.length; index += 1) {
      yield this.#items[index] as Item;
    }
  }

  #index(id: string): number {
    return (this.#positions.get(id) ?? this.#first) - this.#first;
  }

  #forget(count: number): void {
    for (const item of this.#items.slice(0, count)) this.#positions.delete(item.id);
    this.#items = this.#items.slice(count);
    this.#first += count;
  }
}
