import net from "node:net";
import path from "node:path";
import { createAgentClient } from "@keybrake/client";
import { describe, test } from "vitest";
import { type Launched, type Stage, until } from "./stage.ts";

const PYTHON = process.env["KEYBRAKE_TEST_PYTHON"];

/** Runs its arguments at a terminal of their own, and types Ctrl-C when something says that it is ready. */
const TERMINAL = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
printed = b""
while True:
    try:
        part = os.read(terminal, 4096)
    except OSError:
        break
    if not part:
        break
    if b"ready" in printed + part and b"ready" not in printed:
        os.write(terminal, b"\\x03")
    printed += part
sys.stdout.write(printed.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

/** The process id and the key that `wait.mjs` prints. */
function printedBy({ output }: Launched): { readonly pid: number; readonly vaultKey: string } {
  const [, pid, vaultKey = ""] = /ready (\d+) (\S+)/.exec(output().stdout) ?? [];
  return { pid: Number(pid), vaultKey };
}

/** A way to the server that can be cut. */
async function openRelay(url: string) {
  const target = new URL(url);
  const sockets = new Set<net.Socket>();
  let cuts = 0;
  const server = net.createServer((near) => {
    const far = net.connect(Number(target.port), target.hostname);
    for (const socket of [near, far]) sockets.add(socket.on("error", () => undefined));
    if (cuts-- > 0) for (const socket of [near, far]) socket.destroy();
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const hangUp = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    /** Cuts what is open, and so many connections after that. */
    cut: (count: number) => {
      cuts = count;
      hangUp();
    },
    close: () => {
      server.close();
      hangUp();
    },
  };
}

/** However a run ends, its keys end with it. */
export function describeEndings(open: () => Stage): void {
  describe("ends", () => {
    test.for([
      [["-e", ""], 0],
      [["-e", "throw new Error('the crew failed')"], 1],
      [["-e", "process.kill(process.pid, 'SIGKILL')"], 137],
    ] as const)("with the exit code of its program: %j", async ([args, code], { expect }) => {
      const launched = open().launch({ command: [process.execPath, ...args] });
      expect((await launched.finished).code).toBe(code);
      expect(await open().statuses(launched.crewRunId)).toEqual(["revoked"]);
    });

    test.for([
      ["SIGINT", 130],
      ["SIGTERM", 143],
      ["SIGHUP", 129],
    ] as const)("by %s, which its program gets", async ([signal, code], { expect }) => {
      const launched = open().launch({ command: ["wait.mjs"] });
      await launched.printed("ready");
      expect(await open().statuses(launched.crewRunId)).toEqual(["active"]);
      launched.child.kill(signal);
      expect((await launched.finished).code).toBe(code);
      expect(await open().statuses(launched.crewRunId)).toEqual(["revoked"]);
    });

    // There the terminal itself interrupts everybody, and the program must not get it twice.
    test("by Ctrl-C at a terminal", async (context) => {
      const { expect } = context;
      if (PYTHON === undefined) {
        if (["1", "true"].includes(process.env["CI"] ?? ""))
          throw new Error("KEYBRAKE_TEST_PYTHON is not set");
        return context.skip("KEYBRAKE_TEST_PYTHON is not set");
      }
      const starter = [PYTHON, "-c", TERMINAL];
      const launched = open().launch({ command: ["wait.mjs", "interrupted"], starter });
      const { code, stdout } = await launched.finished;
      expect(stdout.match(/got SIGINT/g)).toEqual(["got SIGINT"]);
      expect(code).toBe(130);
      expect(await open().statuses(launched.crewRunId)).toEqual(["revoked"]);
    });

    test("with the code that its program chooses when it is asked to end", async ({ expect }) => {
      const launched = open().launch({ command: ["wait.mjs", "tell"] });
      await launched.printed("ready");
      launched.child.kill("SIGTERM");
      expect(await launched.finished).toMatchObject({
        code: 0,
        stdout: expect.stringContaining("got SIGTERM"),
      });
    });

    // `crewai run` starts the crew's Python two processes below, and would leave it alone with its keys.
    test("by a signal that also reaches what its program has started", async ({ expect }) => {
      const launched = open().launch({ command: ["wait.mjs", "parent"] });
      await launched.printed("ready");
      launched.child.kill("SIGTERM");
      expect(await launched.finished).toMatchObject({
        code: 143,
        stdout: expect.stringContaining("got SIGTERM"),
      });
      expect(await open().statuses(launched.crewRunId)).toEqual(["revoked"]);
    });

    test("for the keys of a program that does not end when it is asked to; a second signal kills it", async ({
      expect,
    }) => {
      const launched = open().launch({ command: ["wait.mjs", "ignore"] });
      await launched.printed("ready");
      launched.child.kill("SIGTERM");
      await until("its keys are revoked", async () =>
        (await open().statuses(launched.crewRunId)).includes("revoked"),
      );
      expect(launched.child.exitCode).toBeNull();
      launched.child.kill("SIGTERM");
      expect((await launched.finished).code).toBe(137);
    });

    // Nothing can be done at a SIGKILL. Then the keys end by themselves, by the database's clock.
    test("without its launcher: its keys expire", async ({ expect }) => {
      const agents = {
        billing_agent: { stripe: { secret: "stripe-sandbox", policy: { expires_in: "3s" } } },
      } as const;
      const launched = open().launch({ agents, command: ["wait.mjs"] });
      await launched.printed("ready");
      const { pid, vaultKey } = printedBy(launched);
      launched.child.kill("SIGKILL");
      process.kill(pid, "SIGKILL");
      expect((await launched.finished).signal).toBe("SIGKILL");
      const agent = createAgentClient({ baseUrl: open().server.dataUrl, vaultKey });
      await until("its key has expired", async () => (await agent.me()).status === "expired");
      const charge = await fetch(`${open().server.dataUrl}/v1/payment_intents`, {
        method: "POST",
        headers: { authorization: `Bearer ${vaultKey}` },
        body: new URLSearchParams({ amount: "100", currency: "usd" }),
      });
      expect(charge.status).toBe(401);
      expect(await charge.text()).toContain("vault_key_expired");
      expect(await open().statuses(launched.crewRunId)).toEqual(["expired"]);
    });

    test("when its program cannot be started", async ({ expect }) => {
      const folder = open().project({ "no-program": "text" });
      for (const [command, code] of [
        ["no-such-program", 127],
        [path.join(folder, "no-program"), 126],
      ] as const) {
        const launched = open().launch({ command: [command] });
        const { code: exitCode, stderr } = await launched.finished;
        expect(exitCode).toBe(code);
        expect(stderr).toContain(`\`${command}\``);
        expect(await open().statuses(launched.crewRunId)).toEqual(["revoked"]);
      }
    });

    test("when nobody reads what it says", async ({ expect }) => {
      const launched = open().launch({ command: ["wait.mjs"], isHeard: false });
      await launched.printed("ready");
      launched.child.kill("SIGHUP");
      expect((await launched.finished).code).toBe(129);
      expect(await open().statuses(launched.crewRunId)).toEqual(["revoked"]);
    });

    test("also when the server does not answer at first", async ({ expect }) => {
      const relay = await openRelay(open().server.adminUrl);
      const launched = open().launch({ command: ["wait.mjs"], env: { KEYBRAKE_URL: relay.url } });
      await launched.printed("ready");
      relay.cut(2);
      launched.child.kill("SIGTERM");
      expect((await launched.finished).code).toBe(143);
      expect(await open().statuses(launched.crewRunId)).toEqual(["revoked"]);
      relay.close();
    });

    test("with a list of what could not be revoked, and not with success", async ({ expect }) => {
      const relay = await openRelay(open().server.adminUrl);
      const launched = open().launch({ command: ["wait.mjs", "tell"], env: { KEYBRAKE_URL: relay.url } });
      await launched.printed("ready");
      relay.close();
      launched.child.kill("SIGTERM");
      const { code, stderr } = await launched.finished;
      expect(code).toBe(3);
      const [key] = await open().keys(launched.crewRunId);
      expect(key?.status).toBe("active");
      expect(stderr).toContain(
        `the vault key \`${key?.id}\` of \`billing_agent\` for stripe could not be revoked: it expires at ${key?.expires_at}`,
      );
    });
  });
}
