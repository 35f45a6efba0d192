// A private Redis for one run, in memory only.
import { connect } from "node:net";
import { openDaemon } from "./daemon.mjs";
import { findProgram, ServiceMissing } from "./program.mjs";

const ANSWER_TIMEOUT_MS = 2_000;

/**
 * Starts Redis.
 * @param {{ guard: import("./guard.mjs").Guard }} options
 * @returns {Promise<{ value: string, close: () => Promise<void> }>} its URL
 * @throws {ServiceMissing} when redis-server is not installed
 */
export async function openRedis({ guard }) {
  const command = findProgram("redis-server", ["/usr/sbin", "/usr/local/bin"]);
  if (!command) throw new ServiceMissing("redis-server is not installed", "apt-get install redis-server");
  const { port, close } = await openDaemon({
    name: "redis",
    command,
    argsFor: (port) => ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
    isReady,
    guard,
    stopSignal: "SIGTERM",
    killSignal: "SIGKILL",
  });
  return { value: `redis://127.0.0.1:${port}`, close };
}

function isReady(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: ANSWER_TIMEOUT_MS });
    const finish = (ready) => {
      socket.destroy();
      resolve(ready);
    };
    socket.on("connect", () => socket.write("PING\r\n"));
    socket.on("data", (data) => finish(data.toString().startsWith("+PONG")));
    socket.on("error", () => finish(false));
    socket.on("timeout", () => finish(false));
  });
}
