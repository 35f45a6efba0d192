/**
 * The preload: `NODE_OPTIONS="--import @keybrake/client/register"` (or `--require`) makes the official Stripe and Twilio
 * SDKs, which read no such variable themselves, honor `STRIPE_BASE_URL` and `TWILIO_BASE_URL`. With neither variable set
 * it changes nothing; with one that cannot be used the process ends at once, with exit code 1 and a sentence saying why.
 */
import { writeSync } from "node:fs";
import { interceptRequests } from "./register/interception.ts";
import { readRedirection } from "./register/redirection.ts";

// One process may load this file twice, from two installed copies; the second must not redirect what the first has.
const INSTALLED = Symbol.for("@keybrake/client/register");

try {
  const redirection = readRedirection(process.env);
  if (redirection !== null && !Reflect.has(globalThis, INSTALLED)) {
    Object.defineProperty(globalThis, INSTALLED, { value: true });
    interceptRequests(redirection);
  }
} catch (error) {
  // Synchronous, so that the sentence is out before the process is.
  writeSync(2, `keybrake: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
