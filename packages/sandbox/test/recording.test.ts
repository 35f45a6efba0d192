import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { openSandbox, post, SECRET_KEY } from "./sdk.ts";

/** Sends bytes as they are and gives back all that is answered. */
async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.end(bytes);
  return text(socket).catch(() => "");
}

describe("the record of a request", () => {
  it("has its target, headers and body exactly as they arrived", async () => {
    const { sandbox } = await openSandbox();
    const body = "name=Zo\u00eb";
    const before = Date.now();
    await raw(
      sandbox.port,
      `POST //v1/customers?expand[]=default_source HTTP/1.1\r\nHost: x\r\nX-TWICE: 1\r\nx-twice: 2\r\n` +
        `Authorization: Bearer ${SECRET_KEY}\r\nContent-Type: application/x-www-form-urlencoded\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
    const [record] = sandbox.requests;
    expect(record).toMatchObject({
      sequence: 1,
      method: "POST",
      url: "//v1/customers?expand[]=default_source",
      executed: true,
      replayed: false,
      status: 200,
    });
    expect(record?.headers["x-twice"]).toBe("1, 2");
    expect(record?.rawHeaders.slice(2, 6)).toEqual(["X-TWICE", "1", "x-twice", "2"]);
    expect(Buffer.from(record?.body ?? "", "latin1").toString("utf8")).toBe(body);
    expect(record?.receivedAt).toBeGreaterThanOrEqual(before);
  });

  // A proxy test that says "nothing reached the vendor" must not be fooled by bytes that are no request.
  it.each([
    ["garbage", "\u0000\u0001nonsense\r\n\r\n"],
    [
      "a request that smuggles",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ["a CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"],
    [
      "an expectation",
      "GET /v1/balance HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\nConnection: close\r\n\r\n",
    ],
  ])("is kept of %s too", async (_name, bytes) => {
    const { sandbox } = await openSandbox();
    await raw(sandbox.port, bytes);
    expect(sandbox.requests).toHaveLength(1);
    expect(sandbox.requests[0]?.executed).toBe(false);
  });

  it("shows a body that never came to its end", async () => {
    const { sandbox } = await openSandbox();
    await raw(
      sandbox.port,
      `POST /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${SECRET_KEY}\r\nContent-Length: 99\r\n\r\nname=half`,
    );
    await expect.poll(() => sandbox.requests[0]?.body).toBe("name=half");
    expect(sandbox.requests[0]).toMatchObject({ executed: false });
  });

  it("of a body beyond 1 MiB ends in a 413", async () => {
    const { sandbox } = await openSandbox();
    const answer = await post(sandbox.url, "/v1/customers", `name=${"x".repeat(1_048_576)}`);
    expect(answer.status).toBe(413);
    expect(sandbox.requests[0]).toMatchObject({ executed: false, status: 413 });
  });

  it("can be cleared; sequence numbers go on", async () => {
    const { sandbox, stripe } = await openSandbox();
    await stripe.balance.retrieve();
    sandbox.clearRequests();
    expect(sandbox.requests).toEqual([]);
    await stripe.balance.retrieve();
    expect(sandbox.requests.map(({ sequence }) => sequence)).toEqual([2]);
  });
});

describe("what is kept", () => {
  it("is bounded: of requests and objects the oldest go", async () => {
    const { sandbox, stripe } = await openSandbox({
      requestsMax: 10,
      objectsMax: 10,
      idempotencyKeysMax: 10,
    });
    const first = await stripe.customers.create({}, { idempotencyKey: "first" });
    for (let count = 0; count < 40; count += 1) await stripe.customers.create();
    expect(sandbox.requests).toHaveLength(10);
    expect(sandbox.requests.at(-1)?.sequence).toBe(41);
    const { data } = await stripe.customers.list({ limit: 100 });
    expect(data.length).toBeLessThanOrEqual(13);
    expect(data.length).toBeGreaterThanOrEqual(10);
    await expect(stripe.customers.retrieve(first.id)).rejects.toMatchObject({ code: "resource_missing" });
    expect((await stripe.customers.create({}, { idempotencyKey: "first" })).id).not.toBe(first.id);
    expect((await stripe.customers.retrieve(data[0]?.id ?? "")).id).toBe(data[0]?.id);
  });
});
