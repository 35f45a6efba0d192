/**
 * Objects of one kind by id, in the order in which they were made; past `sizeMax` the oldest is forgotten.
 * Objects are immutable: a change puts another one under the same id.
 */
export class ObjectStore<Item> {
  readonly #items = new Map<string, Item>();
  readonly #sizeMax: number;
  readonly #onWrite: () => void;

  constructor(sizeMax: number, onWrite: () => void) {
    this.#sizeMax = sizeMax;
    this.#onWrite = onWrite;
  }

  get(id: string): Item | undefined {
    return this.#items.get(id);
  }

  put(id: string, item: Item): Item {
    this.#onWrite();
    this.#items.set(id, item);
    if (this.#items.size > this.#sizeMax) {
      const oldest = this.#items.keys().next();
      if (oldest.done !== true) this.#items.delete(oldest.value);
    }
    return item;
  }

  /** Whether there was such an object. */
  delete(id: string): boolean {
    if (!this.#items.delete(id)) return false;
    this.#onWrite();
    return true;
  }

  /** A copy of the list, oldest first. */
  list(): Item[] {
    return [...this.#items.values()];
  }

  newestFirst(): Item[] {
    return this.list().reverse();
  }
}
