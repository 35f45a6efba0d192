// What we are measured against: http-proxy-middleware on Express, which checks nothing and records nothing.
import http from "node:http";
import express from "express";
import { createProxyMiddleware } from "http-proxy-middleware";

const target = process.argv[2];
if (target === undefined) throw new Error("usage: bare-proxy.ts UPSTREAM_URL");

const app = express();
const agent = new http.Agent({ keepAlive: true, maxSockets: 128 });
app.use(createProxyMiddleware({ target, changeOrigin: true, agent }));
const server = app.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") console.log(`listening ${address.port}`);
});
process.on("SIGTERM", () => process.exit(0));
