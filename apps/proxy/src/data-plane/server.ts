import http from "node:http";
import express from "express";
import type { DataPlane } from "./data-plane.ts";
import { handleCall } from "./handle-call.ts";

const CONNECTIONS_MAX = 10_000;

/**
 * The listener that agents reach. Node's parser is strict; what it refuses never becomes a request, so it is answered
 * here, in a shape that every vendor's SDK takes for an error.
 */
export function createDataPlaneServer(plane: DataPlane): http.Server {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.use((request, response) => handleCall(plane, request, response));
  const server = http.createServer(
    {
      maxHeaderSize: 8_192,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 5_000,
      connectionsCheckingInterval: 1_000,
      insecureHTTPParser: false,
      noDelay: true,
    },
    app,
  );
  // No limit here: Node would drop the headers beyond it in silence. `readHead` counts and refuses.
  server.maxHeadersCount = 0;
  server.maxConnections = CONNECTIONS_MAX;
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
    const isTimeout = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
    const code = isTimeout ? "request_timeout" : "request_malformed";
    const body = JSON.stringify({
      error: {
        type: "invalid_request_error",
        code,
        message: "keybrake: the request is not valid HTTP/1.1, or came too slowly",
      },
    });
    const status = isTimeout ? "408 Request Timeout" : "400 Bad Request";
    socket.end(
      `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
        `Connection: close\r\nCache-Control: no-store\r\n\r\n${body}`,
    );
  });
  return server;
}
