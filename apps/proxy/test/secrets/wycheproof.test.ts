import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { hashVaultKey } from "@keybrake/core";
import { describe, expect, it } from "vitest";
import { decryptAesGcm, encryptAesGcm } from "../../src/secrets/aes-gcm.ts";

/** Project Wycheproof's vectors, when they stand beside the checkout. */
const FOLDER = new URL("../../../../../shared/data/wycheproof/", import.meta.url);

interface Group<Test> {
  readonly keySize: number;
  readonly ivSize?: number;
  readonly tagSize: number;
  readonly tests: readonly Test[];
}
interface Test {
  readonly tcId: number;
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
  readonly result: "valid" | "invalid";
}

function readVectors(name: string, skip: (why: string) => void): readonly Group<Test>[] {
  const file = fileURLToPath(new URL(name, FOLDER));
  if (existsSync(file))
    return (JSON.parse(readFileSync(file, "utf8")) as { testGroups: Group<Test>[] }).testGroups;
  if (process.env["CI"] === "true") throw new Error("the Wycheproof vectors are not beside the checkout");
  skip("the Wycheproof vectors are not beside the checkout");
  return [];
}

const bytes = (hex: string) => Buffer.from(hex, "hex");

describe("Wycheproof", () => {
  it("D8: AES-256-GCM: valid vectors open, invalid ones and every other size of key, nonce or tag are refused", (context) => {
    let opened = 0;
    for (const group of readVectors("aes_gcm_test.json", context.skip)) {
      const isOurs = group.keySize === 256 && group.ivSize === 96 && group.tagSize === 128;
      for (const test of group.tests) {
        const sealed = Buffer.concat([bytes(test.ct), bytes(test.tag)]);
        const open = () => decryptAesGcm(bytes(test.key), bytes(test.iv), bytes(test.aad), sealed);
        if (isOurs && test.result === "valid") {
          expect(open().toString("hex"), `vector ${test.tcId}`).toBe(test.msg);
          const again = encryptAesGcm(bytes(test.key), bytes(test.iv), bytes(test.aad), bytes(test.msg));
          expect(again.toString("hex")).toBe(test.ct + test.tag);
          opened++;
        } else {
          expect(open, `vector ${test.tcId}`).toThrow();
        }
      }
    }
    expect(opened).toBe(39);
  });

  it("D8: HMAC-SHA-256: the hash of vault keys is the vectors' wherever their message is text", (context) => {
    let compared = 0;
    for (const { tests } of readVectors("hmac_sha256_test.json", context.skip)) {
      for (const test of tests) {
        const text = bytes(test.msg).toString("utf8");
        if (!Buffer.from(text, "utf8").equals(bytes(test.msg))) continue;
        const hash = hashVaultKey(bytes(test.key), text).toString("hex");
        expect(hash.startsWith(test.tag), `vector ${test.tcId}`).toBe(test.result === "valid");
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(100);
  });
});
