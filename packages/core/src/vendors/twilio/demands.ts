import { type Denial, isDenial } from "../../denial.ts";
import type { Demand } from "../../operation.ts";
import { readCallbackHosts } from "./callback-url.ts";
import type { Parameters } from "./parameters.ts";

/** Parameters that say in whose name Twilio acts. */
const SENDERS = ["From", "FallbackFrom", "MessagingServiceSid", "CallerId"];

/** Asks the policy for every host that Twilio would call, fetch from or connect to. */
export function demandHosts(hosts: readonly string[]): readonly Demand[] {
  return hosts.map((host) => ({
    rule: "twilio.callback_hosts",
    anyOf: [host],
    shown: `URLs at \`${host}\``,
    ifAbsent: "deny",
    code: "destination_not_allowed",
  }));
}

/** What any writing request asks of a policy: its senders and the URLs it hands to Twilio. */
export function demandsOf({ fields, values }: Parameters): readonly Demand[] | Denial {
  const hosts = readCallbackHosts(fields);
  if (isDenial(hosts)) return hosts;
  const senders = SENDERS.flatMap((name): Demand[] => {
    const sender = values.get(name);
    if (sender === undefined || sender === "") return [];
    const shown = /^[+A-Za-z0-9: ]{1,64}$/.test(sender) ? `\`${name}\` \`${sender}\`` : `this \`${name}\``;
    return [
      { rule: "twilio.from", anyOf: [sender], shown, ifAbsent: "allow", code: "destination_not_allowed" },
    ];
  });
  return [...senders, ...demandHosts(hosts)];
}
