// The deaf relay in a thread of its own. `workerData`: {host, port}.
import { parentPort, workerData } from "node:worker_threads";
import { openDeafRelay } from "./deaf-relay.ts";

const { host, port } = workerData as { host: string; port: number };
parentPort?.postMessage((await openDeafRelay(host, port)).port);
