import { type KeyObject, sign, verify } from "node:crypto";
import { z } from "zod";
import type { ChainHead } from "./audit-verify.ts";

const line = z.strictObject({
  at: z.iso.datetime(),
  /** Epoch, number and hash of each head, as text. */
  heads: z.array(z.tuple([z.string(), z.string(), z.string()])),
  signature: z.string(),
});

/** Heads of audit chains as one line of JSON that the installation has signed, with its end. */
export function renderSignedHeads(heads: readonly ChainHead[], now: Date, key: KeyObject): string {
  const said = {
    at: now.toISOString(),
    heads: heads.map(({ epoch, seq, hash }) => [`${epoch}`, `${seq}`, Buffer.from(hash).toString("hex")]),
  };
  const signature = sign(null, Buffer.from(JSON.stringify(said)), key).toString("base64");
  return `${JSON.stringify({ ...said, signature })}\n`;
}

/** Reads such a line back; null when this installation has not signed it. `key` is the public half. */
export function readSignedHeads(content: string, key: KeyObject): readonly ChainHead[] | null {
  try {
    const { signature, ...said } = line.parse(JSON.parse(content));
    const isSigned = verify(null, Buffer.from(JSON.stringify(said)), key, Buffer.from(signature, "base64"));
    if (!isSigned) return null;
    return said.heads.map(([epoch, seq, hash]) => ({
      epoch: BigInt(epoch),
      seq: BigInt(seq),
      hash: Buffer.from(hash, "hex"),
    }));
  } catch {
    return null;
  }
}
