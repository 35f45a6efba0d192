#!/usr/bin/env node
import { parseArgs } from "node:util";
import { openFakeStripe } from "./index.ts";

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: process.env["PORT"] ?? "0" },
    control: { type: "boolean", default: false },
    "secret-key": { type: "string", multiple: true, default: [] },
  },
});

const port = Number(values.port);
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  console.error(`\`${values.port}\` is no port, use 0 (any free one) to 65535`);
  process.exit(2);
}

const secretKeys = values["secret-key"];
const stripe = await openFakeStripe({
  host: values.host,
  port,
  control: values.control,
  ...(secretKeys.length === 0 ? {} : { secretKeys }),
});
console.log(JSON.stringify({ url: stripe.url }));

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    stripe.close().catch((error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    });
  });
}
