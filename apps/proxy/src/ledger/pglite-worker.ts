import { on } from "node:events";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { IntentJournal } from "./intent-journal.ts";
import { makeDatabase, openEngine } from "./pglite-engine.ts";
import type { Reply, Request, WorkerSettings } from "./pglite-messages.ts";
import { PgliteServer } from "./pglite-server.ts";

// The thread in which the embedded database runs. Whatever is thrown here ends the thread, and with it everything
// that was asked for and not answered: the other side is told by the thread's end.
if (parentPort === null) throw new Error("this is the embedded database's thread and no program of its own");
const settings = workerData as WorkerSettings;
if (settings.task === "make") await makeDatabase(settings.pgdata);
else await serve(parentPort);

async function serve(port: MessagePort): Promise<void> {
  const reply = (message: Reply) => port.postMessage(message);
  // The journal first: when it is damaged, the database is not touched.
  const journal = new IntentJournal(settings.dataDir);
  const server = new PgliteServer(await openEngine(settings.pgdata, settings), journal, settings, reply);
  const requests = on(port, "message") as AsyncIterable<[Request]>;
  reply({ kind: "opened" });
  for await (const [request] of requests) {
    if (request.kind === "close") break;
    await server.serve(request);
  }
  await server.close();
  port.close();
}
