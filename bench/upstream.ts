// A vendor that costs as little as possible: it answers every call with a payment intent of its own.
import http from "node:http";

let count = 0;
const padding = "x".repeat(600);

const server = http.createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    count++;
    const body = JSON.stringify({
      id: `pi_${process.pid}x${count}`,
      object: "payment_intent",
      amount: 1000,
      amount_received: 0,
      currency: "usd",
      status: "requires_confirmation",
      customer: null,
      metadata: {},
      description: padding,
    });
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      "request-id": `req_${count}`,
    });
    response.end(body);
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") console.log(`listening ${address.port}`);
});
process.on("SIGTERM", () => process.exit(0));
