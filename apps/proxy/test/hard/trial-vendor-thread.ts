// A vendor that notes on the board when it saw the first bytes of each request. `workerData`: {trials, board}.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { answerIntent } from "./plain-vendor.ts";
import { TrialBoard } from "./trial-board.ts";

const TRIAL = /metadata(?:\[|%5B)trial(?:\]|%5D)=(\d+)/;

const { trials, board: buffer } = workerData as { trials: number; board: SharedArrayBuffer };
const board = new TrialBoard(trials, buffer);
const server = createServer((request, response) => {
  const atNs = process.hrtime.bigint();
  let body = "";
  request.setEncoding("latin1").on("data", (chunk: string) => {
    body += chunk;
  });
  request.on("end", () => {
    board.noteArrival(Number(TRIAL.exec(body)?.[1]), atNs);
    const answer = answerIntent({ body });
    response.writeHead(200, { "content-type": "application/json", "content-length": answer.length });
    response.end(answer);
  });
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
parentPort?.postMessage(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
