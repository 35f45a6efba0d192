// Both Prism servers in a process of their own, for tests in another language: prints their addresses, ends by a signal.
import { openPrism } from "./prism.ts";

const [twilio, resend] = await Promise.all([openPrism("twilio"), openPrism("resend")]);
process.stdout.write(`${JSON.stringify({ urls: { twilio: twilio.url, resend: resend.url } })}\n`);
process.once("SIGTERM", () => void Promise.all([twilio.close(), resend.close()]));
