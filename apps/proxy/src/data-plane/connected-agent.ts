import type http from "node:http";
import type { Socket } from "node:net";

const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Makes an agent give a request its connection only when that stands. Node gives it at once, and writes the request
 * whenever the connection comes about: nobody could take back then what has lost its right to be sent.
 */
export function handOverConnected(agent: http.Agent, standing: "connect" | "secureConnect"): void {
  const open = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const socket = open(options) as Socket;
    const timer = setTimeout(
      () => socket.destroy(Object.assign(new Error("connect"), { code: "ETIMEDOUT" })),
      CONNECT_TIMEOUT_MS,
    );
    const fail = (error: Error) => {
      clearTimeout(timer);
      callback?.(error, socket);
    };
    socket.once("error", fail);
    socket.once(standing, () => {
      clearTimeout(timer);
      socket.off("error", fail);
      callback?.(null, socket);
    });
    return undefined;
  };
}
