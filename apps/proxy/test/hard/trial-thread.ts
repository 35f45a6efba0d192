import { once } from "node:events";
import { Worker } from "node:worker_threads";

/** A thread of a figure: a vendor, a relay, or callers. */
export interface TrialThread<Opened> {
  /** What it said when it was ready. */
  readonly opened: Opened;
  close(): Promise<void>;
}

/** Starts the program of a thread and waits for its first message. */
export async function openThread<Opened>(
  program: URL,
  workerData: Readonly<Record<string, unknown>>,
): Promise<TrialThread<Opened>> {
  const worker = new Worker(program, { workerData });
  const [opened] = (await once(worker, "message")) as [Opened];
  return {
    opened,
    close: async () => {
      await worker.terminate();
    },
  };
}
