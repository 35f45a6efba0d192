import { expect, it } from "vitest";
import { Guesses } from "../../src/control-plane/guesses.ts";

const ALLOWED = 10;

async function guess(guesses: Guesses, address: string, times: number) {
  const answers = [];
  for (let time = 0; time < times; time++) answers.push(await guesses.add(address));
  return answers;
}

it("lets an address guess ten times a minute, and says how long to wait then", async () => {
  const guesses = new Guesses();
  const answers = await guess(guesses, "192.0.2.1", ALLOWED + 3);
  expect(answers.map(({ retryAfterSeconds }) => retryAfterSeconds)).toEqual([
    ...Array<null>(ALLOWED).fill(null),
    ...Array<number>(3).fill(60),
  ]);
  expect(answers.filter(({ isNotable }) => isNotable)).toHaveLength(2);
});

it("counts another address for itself", async () => {
  const guesses = new Guesses();
  await guess(guesses, "192.0.2.1", ALLOWED + 1);
  expect(await guesses.add("192.0.2.2")).toEqual({ retryAfterSeconds: null, isNotable: true });
});

it.each([
  ["2001:db8:1:2::1", "2001:DB8:1:2:ffff:0:0:9", true],
  ["2001:db8:1:2::1", "2001:db8:1:3::1", false],
  ["::1", "0:0:0:0:0:0:0:2", true],
  ["fe80::1%eth0", "fe80::2%eth1", true],
  ["2001:db8::1:0:0:1", "2001:db8:0:0:1::1", true],
])("takes %s and %s for one network: %s %s", async (one, other, isSame) => {
  const guesses = new Guesses();
  await guess(guesses, one, ALLOWED);
  expect((await guesses.add(other)).retryAfterSeconds !== null).toBe(isSame);
});

it("leaves a bounded number of entries however many addresses guess", async () => {
  const guesses = new Guesses();
  let notes = 0;
  for (let host = 0; host < 1_000; host++) if ((await guesses.add(`198.51.100.${host}`)).isNotable) notes++;
  expect(notes).toBe(60);
});
