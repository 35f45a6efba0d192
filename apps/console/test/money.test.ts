import { expect, test } from "vitest";
import { sumUsd } from "../src/money.ts";

test("a sum of dollars is exact", () => {
  expect(sumUsd([])).toBe("0.00");
  expect(sumUsd(["0.10", "0.20", "0.0083"])).toBe("0.3083");
  expect(sumUsd(["9007199254740993.00", "0.000001"])).toBe("9007199254740993.000001");
  expect(sumUsd(["1.00", "-1.5"])).toBe("-0.50");
});
