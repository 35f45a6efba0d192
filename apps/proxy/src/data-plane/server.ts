import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import express, { type Request, type Response } from "express";
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
  const handle = (request: IncomingMessage, response: ServerResponse) => handleCall(plane, request, response);
  app.use(handle);
  const unanswered = new WeakMap<Socket, Set<IncomingMessage>>();
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    const open = unanswered.get(request.socket) ?? new Set();
    unanswered.set(request.socket, open.add(request));
    response.once("close", () => open.delete(request));
    // What Express cannot route (`http://[`) must not get its error page, but a refusal with a row.
    app(request as Request, response as Response, () => void handle(request, response));
  };
  const server = http.createServer(
    {
      maxHeaderSize: 8_192,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 5_000,
      connectionsCheckingInterval: 1_000,
      insecureHTTPParser: false,
      // `readHead` refuses a missing one, with a row.
      requireHostHeader: false,
      noDelay: true,
    },
    serve,
  );
  // No limit here: Node would drop the headers beyond it in silence. `readHead` counts and refuses.
  server.maxHeadersCount = 0;
  server.maxConnections = CONNECTIONS_MAX;
  // Node would answer an unknown expectation by itself and drop a tunnel in silence: both are refused as calls.
  server.on("checkExpectation", serve);
  server.on("connect", (request, socket) => {
    const response = new http.ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Socket);
    response.once("finish", () => socket.end());
    void handle(request, response);
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
    // Behind a call that is under way this would be taken for the answer to that call, which may have been sent.
    const open = [...(unanswered.get(socket as Socket) ?? [])];
    if (open.some(({ complete }) => complete)) return void socket.destroy();
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
