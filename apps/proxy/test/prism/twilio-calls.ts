import type { Twilio } from "twilio";
import { ACCOUNT_SID } from "../e2e/crew-of-three.ts";
import calls from "./twilio-calls.json" with { type: "json" };

/**
 * A call as every SDK of Twilio's can make it, below the account: `messages(SM*).media` is a resource, `(SM*)` stands
 * for some SID of that kind, and names are in snake case.
 */
export interface TwilioCall {
  readonly resource: string;
  readonly verb: string;
  readonly parameters: Readonly<Record<string, unknown>> | null;
}

/** Every endpoint of the main API that a vault key can be allowed, some of them in several ways. */
export const TWILIO_CALLS: readonly TwilioCall[] = calls.map((call) => {
  const [resource, verb, parameters = null] = call as [string, string, Record<string, unknown>?];
  return { resource, verb, parameters };
});

/** Makes it with twilio-node. */
export async function callTwilio(client: Twilio, call: TwilioCall): Promise<unknown> {
  let at: object = client.api.v2010.accounts(ACCOUNT_SID);
  for (const step of call.resource.split(".")) {
    const [, name = "", id] = /^(\w+)(?:\((.+)\))?$/.exec(step) ?? [];
    at = Reflect.get(at, camelCase(name));
    if (id !== undefined) at = Reflect.apply(at as never, undefined, [sidOf(id)]);
  }
  const verb = call.verb === "delete" ? "remove" : call.verb;
  const parameters = Object.entries(call.parameters ?? {}).map(([name, value]) => [camelCase(name), value]);
  return Reflect.apply(
    Reflect.get(at, verb),
    at,
    call.parameters === null ? [] : [Object.fromEntries(parameters)],
  );
}

function sidOf(id: string): string {
  return id.replace("*", `${"0".repeat(31)}1`);
}

function camelCase(name: string): string {
  return name.replaceAll(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());
}
