interface Flow<T> {
  readonly name: string;
  readonly weight: number;
  readonly items: Set<T>;
  /** Virtual time at which its first item is due. */
  start: number;
}

/**
 * A queue that serves flows in turn, by weight, and each flow in order (start-time fair queuing). A flow that comes late
 * waits behind one item of each other flow at most, however many the others have queued; one that was idle has saved up
 * nothing.
 */
export class FairQueue<T> {
  readonly #flows = new Map<string, Flow<T>>();
  /** Where flows that have nothing queued at the moment go on. */
  readonly #idle = new Map<string, number>();
  #virtual = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** How many flows have something queued. */
  get flows(): number {
    return this.#flows.size;
  }

  lengthOf(name: string): number {
    return this.#flows.get(name)?.items.size ?? 0;
  }

  push(name: string, weight: number, item: T): void {
    let flow = this.#flows.get(name);
    if (flow === undefined) {
      flow = { name, weight, items: new Set(), start: Math.max(this.#virtual, this.#idle.get(name) ?? 0) };
      this.#idle.delete(name);
      this.#flows.set(name, flow);
    }
    flow.items.add(item);
    this.#length++;
  }

  /** Takes out what is due. */
  shift(): T | undefined {
    let due: Flow<T> | undefined;
    for (const flow of this.#flows.values()) if (due === undefined || flow.start < due.start) due = flow;
    if (due === undefined) return undefined;
    const [item] = due.items as Set<T> & Iterable<T>;
    this.#virtual = due.start;
    due.start += 1 / due.weight;
    if (item !== undefined) this.#take(due, item);
    return item;
  }

  /** Takes an item out of turn; false when it is not queued. */
  remove(name: string, item: T): boolean {
    const flow = this.#flows.get(name);
    return flow?.items.has(item) === true && this.#take(flow, item);
  }

  /** Takes out the latest item of the longest flow. */
  dropLatest(): T | undefined {
    let longest: Flow<T> | undefined;
    for (const flow of this.#flows.values()) {
      if (longest === undefined || flow.items.size > longest.items.size) longest = flow;
    }
    const item = longest === undefined ? undefined : [...longest.items].at(-1);
    if (longest !== undefined && item !== undefined) this.#take(longest, item);
    return item;
  }

  #take(flow: Flow<T>, item: T): boolean {
    flow.items.delete(item);
    this.#length--;
    if (flow.items.size > 0) return true;
    this.#flows.delete(flow.name);
    this.#idle.set(flow.name, flow.start);
    if (this.#length > 0) return true;
    // Nobody waits, so nobody is owed anything.
    this.#idle.clear();
    this.#virtual = 0;
    return true;
  }
}
