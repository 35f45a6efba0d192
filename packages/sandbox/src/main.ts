#!/usr/bin/env node
import { parseArgs } from "node:util";
import { openFakeResend, openFakeStripe, openFakeTwilio, type SandboxServer } from "./index.ts";

const VENDORS = ["stripe", "twilio", "resend"] as const;
type VendorName = (typeof VENDORS)[number];

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: process.env["PORT"] ?? "0" },
    control: { type: "boolean", default: false },
    vendor: { type: "string", multiple: true, default: ["stripe"] },
    "secret-key": { type: "string", multiple: true, default: [] },
    "stripe-port": { type: "string" },
    "twilio-port": { type: "string" },
    "resend-port": { type: "string" },
    "account-sid": { type: "string" },
    "auth-token": { type: "string" },
    "resend-key": { type: "string" },
  },
});

const names = [...new Set(values.vendor)];
const chosen = VENDORS.filter((vendor) => names.includes(vendor));
const unknown = names.find((name) => !VENDORS.some((vendor) => vendor === name));
if (unknown !== undefined) refuse(`unknown vendor \`${unknown}\`, use one of ${VENDORS.join(", ")}`);
const first = VENDORS.find((vendor) => vendor === names[0]) ?? "stripe";
const ports: Record<VendorName, number> = {
  stripe: portOf("stripe"),
  twilio: portOf("twilio"),
  resend: portOf("resend"),
};

const servers = new Map<VendorName, SandboxServer>();
for (const vendor of chosen) servers.set(vendor, await open(vendor));
const urls = Object.fromEntries([...servers].map(([vendor, { url }]) => [vendor, url]));
console.log(JSON.stringify({ url: urls[first], urls }));

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    Promise.all([...servers.values()].map((server) => server.close())).catch((error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    });
  });
}

/** `--port` is the first vendor's; the others have an option of their own or take a free one. */
function portOf(vendor: VendorName): number {
  const text = values[`${vendor}-port`] ?? (vendor === first ? values.port : "0");
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  return refuse(`\`${text}\` is no port, use 0 (any free one) to 65535`);
}

function open(vendor: VendorName): Promise<SandboxServer> {
  const shared = { host: values.host, port: ports[vendor], control: values.control };
  switch (vendor) {
    case "stripe": {
      const secretKeys = values["secret-key"];
      return openFakeStripe({ ...shared, ...(secretKeys.length === 0 ? {} : { secretKeys }) });
    }
    case "twilio": {
      const accountSid = values["account-sid"];
      const authToken = values["auth-token"];
      return openFakeTwilio({
        ...shared,
        ...(accountSid === undefined ? {} : { accountSid }),
        ...(authToken === undefined ? {} : { authToken }),
      });
    }
    case "resend": {
      const apiKey = values["resend-key"];
      return openFakeResend({ ...shared, ...(apiKey === undefined ? {} : { apiKey }) });
    }
  }
}

function refuse(message: string): never {
  console.error(message);
  process.exit(2);
}
