import type { SeededRandom } from "./seeded-random.ts";

/** Something that can happen next: a statement arrives, an answer comes back, a connection is made. */
export interface Happening {
  readonly what: string;
  /** How soon compared with others. */
  readonly weight: number;
  readonly happen: () => void | Promise<void>;
}

/** Everything that is under way, and what has happened so far. */
export class Scheduler {
  readonly random: SeededRandom;
  #pending: Happening[] = [];
  readonly #steps: string[] = [];

  constructor(random: SeededRandom) {
    this.random = random;
  }

  get pending(): number {
    return this.#pending.length;
  }

  get steps(): readonly string[] {
    return this.#steps;
  }

  add(what: string, happen: Happening["happen"], weight = 1): Happening {
    const happening = { what, weight, happen };
    this.#pending.push(happening);
    return happening;
  }

  remove(happening: Happening): void {
    this.#pending = this.#pending.filter((other) => other !== happening);
  }

  /** Takes one of all that could happen. */
  takeAny(): Happening | undefined {
    let left = this.random.next() * this.#pending.reduce((sum, { weight }) => sum + weight, 0);
    const index = this.#pending.findIndex(({ weight }) => {
      left -= weight;
      return left < 0;
    });
    return this.#pending.splice(index === -1 ? 0 : index, 1)[0];
  }

  /** Takes what has waited longest. */
  takeOldest(): Happening | undefined {
    return this.#pending.shift();
  }

  /** Writes down one step, with the simulated time. */
  note(step: string): void {
    const number = String(this.#steps.length + 1).padStart(4);
    this.#steps.push(`${number}  ${new Date().toISOString().slice(5, 23).replace("T", " ")}  ${step}`);
  }
}
