import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  createMasterKey,
  type EnvelopePlace,
  openEnvelope,
  sealEnvelope,
} from "../../src/secrets/envelope.ts";

const SECRET = "sk_test_canary_9f8e7d6c5b4a";
const masterKey = createMasterKey(randomBytes(32));
const place: EnvelopePlace = {
  installationId: "11111111-1111-4111-8111-111111111111",
  table: "secrets",
  rowId: "22222222-2222-4222-8222-222222222222",
  vendor: "stripe",
  version: 1,
};
const seal = () => sealEnvelope(masterKey, place, Buffer.from(SECRET));

describe("an envelope", () => {
  it("opens at its place, and nothing of the secret stands in it", () => {
    const envelope = seal();
    expect(openEnvelope(masterKey, place, envelope).toString()).toBe(SECRET);
    expect(envelope.toString("latin1")).not.toContain("canary");
    expect(envelope.length).toBe(1 + 4 + 60 + 12 + SECRET.length + 16);
  });

  it("names its master key, so that several can be in use while keys are changed", () => {
    expect(seal().subarray(1, 5).toString("hex")).toBe(masterKey.id);
  });

  it("is different each time, under another data key and another nonce", () => {
    const [one, two] = [seal(), seal()];
    expect(one.subarray(5).equals(two.subarray(5))).toBe(false);
    expect(one.subarray(17, 49).equals(two.subarray(17, 49))).toBe(false);
    expect(one.subarray(65, 77).equals(two.subarray(65, 77))).toBe(false);
  });

  it.each([
    ["installationId", { installationId: "33333333-3333-4333-8333-333333333333" }],
    ["table", { table: "install_keys" }],
    ["row", { rowId: "44444444-4444-4444-8444-444444444444" }],
    ["vendor", { vendor: "twilio" }],
    ["version", { version: 2 }],
  ])("does not open at a place with another %s", (_name, other) => {
    const open = () => openEnvelope(masterKey, { ...place, ...other }, seal());
    expect(open).toThrowError(expect.objectContaining({ code: "damaged" }));
  });

  it("says that the master key is another one, naming both by their ids only", () => {
    const other = createMasterKey(randomBytes(32));
    const open = () => openEnvelope(other, place, seal());
    expect(open).toThrowError(expect.objectContaining({ code: "wrong_master_key" }));
    expect(open).toThrowError(new RegExp(`${masterKey.id}.*${other.id}`));
  });

  it("does not open with another key that has the same id", () => {
    const other = { ...masterKey, key: randomBytes(32) };
    expect(() => openEnvelope(other, place, seal())).toThrowError(
      expect.objectContaining({ code: "damaged" }),
    );
  });

  it("does not open when any one of its bytes has changed, or when it is cut or longer", () => {
    const envelope = seal();
    for (let index = 0; index < envelope.length; index++) {
      const changed = Buffer.from(envelope);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(() => openEnvelope(masterKey, place, changed), `byte ${index}`).toThrow();
    }
    for (const wrong of [
      envelope.subarray(0, -1),
      Buffer.concat([envelope, Buffer.of(0)]),
      Buffer.alloc(0),
      Buffer.alloc(93),
    ])
      expect(() => openEnvelope(masterKey, place, wrong)).toThrow();
  });

  it("never has a part of the secret in an error", () => {
    const changed = seal();
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    try {
      openEnvelope(masterKey, place, changed);
    } catch (error) {
      expect(`${error}${(error as Error).stack}${JSON.stringify(error)}`).not.toContain("canary");
      return;
    }
    throw new Error("it opened");
  });

  it("keeps an empty secret and a long one", () => {
    for (const length of [0, 1, 4_096]) {
      const secret = randomBytes(length);
      expect(openEnvelope(masterKey, place, sealEnvelope(masterKey, place, secret)).equals(secret)).toBe(
        true,
      );
    }
  });
});
