import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const FOLDER = dirname(import.meta.dirname);
const RUN_MS_MAX = 110_000;

it("`npm start` runs the crew: one breach, refused once, and the others finish their work", async () => {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:KEYBRAKE_|OPENAI_)/.test(name));
  const { stdout, stderr } = await promisify(execFile)("npm", ["start", "--silent"], {
    cwd: FOLDER,
    env: { ...Object.fromEntries(inherited), npm_config_update_notifier: "false" },
    timeout: RUN_MS_MAX,
  });
  expect(stderr).toBe("");
  const trail = /audit trail\n.*\n([\s\S]*?)\n\n/.exec(stdout)?.[1] ?? "";
  expect(trail.split("\n").map((line) => line.trim().split(/ {2,}/))).toEqual([
    ["billing_agent", "stripe", "POST /v1/payment_intents", "48.00 USD"],
    ["billing_agent", "stripe", "POST /v1/payment_intents", "refused: daily_cap_exceeded"],
    ["refund_agent", "stripe", "POST /v1/refunds", "8.00 USD"],
    ["notification_agent", "twilio", "POST …/Messages.json", expect.stringMatching(/0\.\d+ USD/)],
    ["notification_agent", "resend", "POST /emails", "0.0009 USD"],
  ]);
  expect(stdout).toMatch(/^5 calls, 1 refused$/m);
});
