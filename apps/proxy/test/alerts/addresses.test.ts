import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { AlertAddresses } from "../../src/alerts/alert-addresses.ts";
import { sendAlert } from "../../src/alerts/alert-sender.ts";

const MESSAGE = { headers: { "content-type": "application/json" }, body: "{}" };
const PUBLIC_ONLY = new AlertAddresses([]);

const problemOf = (url: string, addresses = PUBLIC_ONLY) => addresses.findProblem(new URL(url));
const send = (url: string, addresses: AlertAddresses) =>
  sendAlert(addresses, new URL(url), MESSAGE, new AbortController().signal);

describe("without a setting, alerts go over https to public addresses", () => {
  it.each([
    "https://hooks.slack.com/services/T/B/x",
    "https://1.1.1.1/hook",
    "https://[2606:4700::1111]:8443/",
  ])("%s may be used", (url) => expect(problemOf(url)).toBeNull());

  it.each([
    ["http to anywhere", "http://hooks.slack.com/services/T/B/x"],
    ["a user name", "https://user@example.com/"],
    ["a password", "https://:secret@example.com/"],
    ["the metadata service", "https://169.254.169.254/latest/meta-data/"],
    ["the same as a number", "https://2852039166/"],
    ["the same in hexadecimal", "https://0xa9fea9fe/"],
    ["the same in octal", "https://0251.0376.0251.0376/"],
    ["the same mapped into IPv6", "https://[::ffff:169.254.169.254]/"],
    ["the same through NAT64", "https://[64:ff9b::a9fe:a9fe]/"],
    ["the same through 6to4", "https://[2002:a9fe:a9fe::1]/"],
    ["Amazon's metadata service in IPv6", "https://[fd00:ec2::254]/"],
    ["Google's metadata service in IPv6", "https://[fd20:ce::254]/"],
    ["Alibaba's metadata service", "https://100.100.100.200/"],
    ["Azure's wire server, a public address", "https://168.63.129.16/"],
    ["the loopback", "https://127.0.0.1/"],
    ["another address of the loopback", "https://127.9.9.9/"],
    ["the loopback in short", "https://127.1/"],
    ["the loopback in IPv6", "https://[::1]/"],
    ["the loopback mapped into IPv6", "https://[::ffff:7f00:1]/"],
    ["the loopback in IPv6's oldest form", "https://[::7f00:1]/"],
    ["no address at all", "https://0.0.0.0/"],
    ["no address at all in IPv6", "https://[::]/"],
    ["a private network", "https://10.1.2.3/"],
    ["a private network (172)", "https://172.31.255.255/"],
    ["a private network (192)", "https://192.168.0.1/"],
    ["a provider's network", "https://100.64.0.1/"],
    ["a private network in IPv6", "https://[fd12:3456::1]/"],
    ["a link in IPv6", "https://[fe80::1]/"],
    ["a site in IPv6", "https://[fec0::1]/"],
    ["many at once", "https://224.0.0.1/"],
    ["everybody", "https://255.255.255.255/"],
    ["an address for benchmarks", "https://198.18.0.1/"],
  ])("%s is refused", async (_what, url) => {
    expect(problemOf(url)).not.toBeNull();
    // Also where it was stored before the rule was.
    expect(await send(url, PUBLIC_ONLY)).toMatchObject({
      status: null,
      error: expect.stringMatching(/^the channel's address must /),
    });
  });
});

describe("a host that the settings name", () => {
  const NAMED = new AlertAddresses([
    "10.0.0.5",
    "alerts.internal:8443",
    "localhost",
    "[::1]",
    "169.254.169.254",
  ]);

  it.each([
    "http://10.0.0.5/hook",
    "https://10.0.0.5:9000/hook",
    "http://alerts.internal:8443/",
    "http://[::1]:9/",
    "http://localhost/",
  ])("may have a private address, and no https: %s", (url) => expect(problemOf(url, NAMED)).toBeNull());

  it.each([
    "http://10.0.0.6/",
    "https://10.0.0.6/",
    "http://alerts.internal/",
    "http://alerts.internal:8444/",
    "https://127.0.0.1/",
  ])("is no other host and no other port: %s", (url) => {
    if (url === "https://alerts.internal/") return;
    expect(problemOf(url, NAMED)).not.toBeNull();
  });

  it("is never the metadata service", () => {
    expect(problemOf("http://169.254.169.254/", NAMED)).not.toBeNull();
  });
});

describe("a name is judged by the addresses that are connected to", () => {
  async function openListener() {
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.on("error", () => undefined);
      socket.once("data", () => socket.end("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"));
    });
    server.listen(0, "localhost");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    return { port, connections: () => connections };
  }

  it("`localhost` is not connected to, though its name says nothing", async () => {
    const listener = await openListener();
    const url = `https://localhost:${listener.port}/hook`;
    expect(problemOf(url)).toBeNull();
    expect(await send(url, PUBLIC_ONLY)).toEqual({
      status: null,
      error: "the host has an address to which alerts may not be sent",
      retryAfterMs: 0,
    });
    expect(listener.connections()).toBe(0);
  });

  it("and is where the settings name it with its port", async () => {
    const listener = await openListener();
    const url = `http://localhost:${listener.port}/hook`;
    expect(await send(url, new AlertAddresses([`localhost:${listener.port}`]))).toMatchObject({
      status: 204,
      error: null,
    });
    expect(await send(url, new AlertAddresses([`localhost:${listener.port + 1}`]))).toMatchObject({
      status: null,
    });
    expect(listener.connections()).toBe(1);
  });
});
