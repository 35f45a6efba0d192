// Says that it is there, with its process id and its key, and stays. `ignore` makes it deaf to the signals that ask it to
// end; `tell` makes it say which came and end well; `interrupted` makes it tell of each and end as one that was interrupted;
// `parent` makes it the child of one that ends by them, and tell.
import { spawn } from "node:child_process";

const [mode] = process.argv.slice(2);
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
/** Long enough for a second signal of the same wish to arrive. */
const LINGER_MS = 300;
const ON_SIGNAL = {
  ignore: () => {},
  tell: (signal) => {
    process.stdout.write(`got ${signal}`);
    process.exit(0);
  },
  interrupted: (signal) => {
    process.stdout.write(`got ${signal}`);
    setTimeout(() => process.exit(130), LINGER_MS);
  },
};

if (mode === "parent") spawn(process.execPath, [process.argv[1], "tell"], { stdio: "inherit" });
else {
  if (mode in ON_SIGNAL) for (const signal of SIGNALS) process.on(signal, ON_SIGNAL[mode]);
  process.stdout.write(`ready ${process.pid} ${process.env.BILLING_VAULT_KEY}\n`);
}
setInterval(() => {}, 60_000);
