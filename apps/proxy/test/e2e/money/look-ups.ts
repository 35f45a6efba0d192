import type { RecordedRequest } from "@keybrake/sandbox";
import { expect } from "vitest";
import type { Agent } from "../stage.ts";

/** Nothing but reads reached the vendor, it did nothing, and each of them stands in the audit of the agent. */
export async function onlyLookedUp(agent: Agent, sent: readonly RecordedRequest[]): Promise<void> {
  for (const { method, executed } of sent)
    expect({ method, executed }).toEqual({ method: "GET", executed: false });
  const passed = (await agent.rows()).filter(({ state }) => state !== "denied");
  const audited = passed.map(({ method, path }) => `${method} ${path.split("?")[0]}`);
  expect(audited.sort()).toEqual(sent.map(({ method, url }) => `${method} ${url.split("?")[0]}`).sort());
}
