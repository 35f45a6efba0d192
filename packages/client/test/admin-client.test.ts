import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createAdminClient, createAgentClient, eachItem } from "../src/index.ts";

const TOKEN = "test-token-canary";

describe("the admin client", () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    }
  });

  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener).listen(0, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const clientOf = (baseUrl: string, timeoutMs = 5_000) =>
    createAdminClient({ baseUrl, token: TOKEN, timeoutMs });

  it("sends what the contract says, with every part of the address escaped", async () => {
    const seen: unknown[] = [];
    const baseUrl = await serve(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      seen.push([
        request.method,
        request.url,
        request.headers.authorization,
        request.headers["content-type"],
        body,
      ]);
      response.setHeader("content-type", "application/json").end("{}");
    });
    const client = clientOf(`${baseUrl}/behind/a/proxy/`);
    await client.runs.revoke("run ?#/é", { reason: "x" });
    await client.calls.list({ agent_id: "a&b", limit: 5 });
    await client.killSwitch.get();
    expect(seen).toEqual([
      [
        "POST",
        "/behind/a/proxy/api/v1/runs/run%20%3F%23%2F%C3%A9/revoke",
        `Bearer ${TOKEN}`,
        "application/json",
        '{"reason":"x"}',
      ],
      ["GET", "/behind/a/proxy/api/v1/calls?agent_id=a%26b&limit=5", `Bearer ${TOKEN}`, undefined, ""],
      ["GET", "/behind/a/proxy/api/v1/kill-switch", `Bearer ${TOKEN}`, undefined, ""],
    ]);
  });

  it.each([
    [
      422,
      { title: "t", detail: "d", code: "unknown_secret", problems: [{ field: "secret", message: "m" }] },
      { status: 422, code: "unknown_secret", detail: "d", problems: [{ field: "secret", message: "m" }] },
    ],
    [
      402,
      { error: { type: "invalid_request_error", code: "total_cap_exceeded", message: "m" } },
      { status: 402, code: "total_cap_exceeded", detail: "m" },
    ],
    [403, { code: 20403, message: "m", status: 403 }, { status: 403, code: "20403", detail: "m" }],
    [
      429,
      { statusCode: 429, name: "daily_quota_exceeded", message: "m" },
      { status: 429, code: "daily_quota_exceeded", detail: "m" },
    ],
    [500, "<html>", { status: 500, code: "internal", detail: "the server answered 500" }],
  ])("throws a typed error for %i in any of the shapes", async (status, body, error) => {
    const baseUrl = await serve((_request, response) => {
      response.writeHead(status).end(typeof body === "string" ? body : JSON.stringify(body));
    });
    await expect(clientOf(baseUrl).secrets.list()).rejects.toMatchObject({
      name: "KeybrakeApiError",
      ...error,
    });
  });

  it("gives up after its timeout, on the answer's head as on its body", async () => {
    const silent = await serve(() => undefined);
    const half = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" }).write('{"data":');
    });
    for (const baseUrl of [silent, half]) {
      const attempt = clientOf(baseUrl, 150).secrets.list();
      await expect(attempt).rejects.toMatchObject({ name: "KeybrakeConnectionError", code: "timed_out" });
    }
  });

  it("tells an absent server and one that is none of ours from a refusal, and never tells the token", async () => {
    const gone = await clientOf("http://127.0.0.1:9")
      .secrets.list()
      .catch((error: unknown) => error);
    expect(gone).toMatchObject({ name: "KeybrakeConnectionError", code: "unreachable" });
    expect(`${gone}`).not.toContain("canary");
    const other = await serve((_request, response) => response.end("hello"));
    await expect(clientOf(other).secrets.list()).rejects.toMatchObject({ code: "interrupted" });
  });

  it("follows no redirect, so that the token stays with the server it was given for", async () => {
    let reached = false;
    const elsewhere = await serve((_request, response) => {
      reached = true;
      response.end("{}");
    });
    const baseUrl = await serve((_request, response) =>
      response.writeHead(307, { location: elsewhere }).end(),
    );
    await expect(clientOf(baseUrl).secrets.list()).rejects.toMatchObject({ name: "KeybrakeConnectionError" });
    expect(reached).toBe(false);
  });

  it("refuses at once an address or a token that cannot be right", () => {
    for (const baseUrl of ["", "localhost:8788", "ftp://x", "http://u:p@x", "http://x?y"])
      expect(() => createAdminClient({ baseUrl, token: TOKEN })).toThrow(TypeError);
    for (const token of ["", "two words", "line\nbreak"])
      expect(() => createAdminClient({ baseUrl: "http://x", token })).toThrow(TypeError);
  });

  it("rejects an export that was cut off, and does not take it for whole", async () => {
    const baseUrl = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "application/x-ndjson" });
      response.write('{"id":"1"}\n', () => response.destroy());
    });
    const seen: unknown[] = [];
    const read = async () => {
      for await (const call of clientOf(baseUrl).calls.ndjson()) seen.push(call);
    };
    await expect(read()).rejects.toMatchObject({ name: "KeybrakeConnectionError", code: "unreachable" });
    expect(seen).toEqual([{ id: "1" }]);
  });

  it("waits for each part of a stream, not for its reader", async () => {
    const baseUrl = await serve((_request, response) => {
      response.write('{"id":"1"}\n');
      response.end('{"id":"2"}\n');
    });
    let count = 0;
    for await (const _ of clientOf(baseUrl, 300).calls.ndjson()) {
      count++;
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    expect(count).toBe(2);
  });

  it("frees the connection when the loop over events is left, or its signal is aborted", async () => {
    let left = 0;
    const baseUrl = await serve((_request, response) => {
      response.on("close", () => left++);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write('event: change\ndata: {"type":"kill_switch"}\n\n');
    });
    const client = clientOf(baseUrl);
    for await (const event of client.events()) {
      expect(event).toEqual({ event: "change", data: { type: "kill_switch" } });
      break;
    }
    const stop = new AbortController();
    for await (const _ of client.events({ signal: stop.signal })) stop.abort();
    await expect.poll(() => left).toBe(2);
  });

  it("goes through all pages of a list", async () => {
    const baseUrl = await serve((request, response) => {
      const cursor = new URL(request.url ?? "", "http://x").searchParams.get("cursor");
      const page =
        cursor === null
          ? { data: [{ name: "a" }], next_cursor: "n" }
          : { data: [{ name: "b" }], next_cursor: null };
      response.end(JSON.stringify(page));
    });
    const names: string[] = [];
    for await (const { name } of eachItem(clientOf(baseUrl).secrets.list, { limit: 1 })) names.push(name);
    expect(names).toEqual(["a", "b"]);
  });
});

describe("the agent client", () => {
  it("asks for its own key on the data plane", async () => {
    const asked: string[] = [];
    const fakeFetch: typeof fetch = async (input) => {
      asked.push(String(input));
      return new Response('{"agent_id":"a"}', { headers: { "content-type": "application/json" } });
    };
    const client = createAgentClient({
      baseUrl: "http://127.0.0.1:8787",
      vaultKey: "vault_a_x",
      fetch: fakeFetch,
    });
    expect(await client.me()).toEqual({ agent_id: "a" });
    expect(asked).toEqual(["http://127.0.0.1:8787/keybrake/v1/me"]);
  });
});
