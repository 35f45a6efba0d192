import { createPublicKey, type KeyObject } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import type { ChainHead } from "./audit-verify.ts";
import { appendDurably, replaceDurably } from "./durable-files.ts";
import { readSignedHeads, renderSignedHeads } from "./signed-heads.ts";

/** A file longer than this is written anew at start, with one line of everything that it says. */
const BYTES_MAX = 8 * 1_048_576;

/**
 * Signed heads of the audit chains, kept outside the database: whoever cuts off the end of a chain together with its
 * rows, or recomputes a chain whole, cannot make this file agree. One line a checkpoint, newest last.
 */
export class Checkpoints {
  readonly #file: string;
  readonly #key: KeyObject;
  /** By epoch, the newest head that the file has. */
  readonly #known = new Map<bigint, ChainHead>();

  /** Opens or makes the file. Throws when a line was not written by this installation. */
  constructor(file: string, key: KeyObject) {
    this.#file = file;
    this.#key = key;
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    for (const head of readLines(text, createPublicKey(key))) this.#remember(head);
    if (Buffer.byteLength(text) > BYTES_MAX)
      replaceDurably(file, this.#render([...this.#known.values()], new Date()));
  }

  /** Every head that this file vouches for. */
  list(): readonly ChainHead[] {
    return [...this.#known.values()];
  }

  /** Writes down those heads that are new, and waits for the disk. `now` is the database's time. */
  write(heads: readonly ChainHead[], now: Date): void {
    const fresh = heads.filter(({ epoch, seq }) => seq > (this.#known.get(epoch)?.seq ?? -1n));
    if (fresh.length === 0) return;
    appendDurably(this.#file, this.#render(fresh, now));
    for (const head of fresh) this.#remember(head);
  }

  #remember(head: ChainHead): void {
    if (head.seq > (this.#known.get(head.epoch)?.seq ?? -1n)) this.#known.set(head.epoch, head);
  }

  #render(heads: readonly ChainHead[], now: Date): string {
    return renderSignedHeads(heads, now, this.#key);
  }
}

function readLines(text: string, key: KeyObject): readonly ChainHead[] {
  const lines = text.split("\n");
  // The last one has no end when the machine stopped while it was written.
  lines.pop();
  return lines.flatMap((content, index) => {
    const heads = readSignedHeads(content, key);
    if (heads === null)
      throw new Error(`line ${index + 1} of the checkpoint file was not signed by this installation`);
    return heads;
  });
}
