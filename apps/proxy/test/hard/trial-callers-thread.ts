// Callers of the keys that are going to be ended. Each goes from trial to trial, and in a trial calls with its key again
// and again until it is over, whatever the answers are. `workerData`: {board, vaultKeys, dataUrls, lives}.
import { setTimeout as delay } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { Pool } from "undici";
import { charge } from "./replicas.ts";
import { TrialBoard } from "./trial-board.ts";

/** After a refusal: what is to be seen is what gets through, not how fast a refusal is. */
const REFUSED_WAIT_MS = 5;

const {
  board: buffer,
  vaultKeys,
  dataUrls,
  lives,
} = workerData as {
  board: SharedArrayBuffer;
  vaultKeys: readonly string[];
  dataUrls: readonly string[];
  lives: number;
};
const board = new TrialBoard(vaultKeys.length, buffer);

async function live(pool: Pool, first: number): Promise<void> {
  for (let trial = first; trial < vaultKeys.length; trial += lives) {
    const form = `amount=1000&currency=usd&metadata[trial]=${trial}`;
    while (!board.isOver(trial)) {
      const { status } = await charge(pool, vaultKeys[trial] ?? "", { form });
      if (status !== 200) await delay(REFUSED_WAIT_MS);
    }
  }
}

parentPort?.postMessage("calling");
for (const url of dataUrls) {
  const pool = new Pool(url, { connections: lives });
  for (let first = 0; first < lives; first++) void live(pool, first);
}
