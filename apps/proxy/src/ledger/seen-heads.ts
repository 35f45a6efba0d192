import type { ChainHead } from "./audit-verify.ts";

/** Epochs that are remembered; the newest links are what a loss would take, so the oldest epochs go first. */
const EPOCHS_MAX = 64;

/** The newest links that this process has seen committed, one an epoch. */
export class SeenHeads {
  readonly #byEpoch = new Map<bigint, ChainHead>();

  /** Remembers a link unless a newer one of its epoch is known. */
  add(head: ChainHead): void {
    if (head.seq <= (this.#byEpoch.get(head.epoch)?.seq ?? 0n)) return;
    this.#byEpoch.set(head.epoch, head);
    if (this.#byEpoch.size <= EPOCHS_MAX) return;
    const [oldest = 0n] = [...this.#byEpoch.keys()].toSorted((one, other) => Number(one - other));
    this.#byEpoch.delete(oldest);
  }

  /** Forgets the links of these epochs: an operator has accepted that they end where the database says. */
  forgetUpTo(epoch: bigint): void {
    for (const known of this.#byEpoch.keys()) if (known <= epoch) this.#byEpoch.delete(known);
  }

  list(): readonly ChainHead[] {
    return [...this.#byEpoch.values()];
  }

  /** Those of the newest epochs, which are the living ones, as long as there are no more of them. */
  newest(most: number): readonly ChainHead[] {
    return this.list()
      .toSorted((one, other) => Number(other.epoch - one.epoch))
      .slice(0, most);
  }
}

/** Links as the parameters of a statement: epochs, numbers and hashes. */
export function headParameters(heads: readonly ChainHead[]): readonly [string[], string[], Buffer[]] {
  return [
    heads.map(({ epoch }) => epoch.toString()),
    heads.map(({ seq }) => seq.toString()),
    heads.map(({ hash }) => Buffer.from(hash)),
  ];
}
