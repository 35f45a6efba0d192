import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openAlertReceiver } from "../support/alert-receiver.ts";
import { BACKENDS, type TestDatabases } from "./backends.ts";
import { openStage, type Stage, writeCalls } from "./stage.ts";

const MAIN = fileURLToPath(new URL("../../../../packages/cli/dist/main.js", import.meta.url));
const VALUE = "sk_test_canary_for_the_command_line";
const POLICY = "vendor: stripe\ndaily_usd_cap: 100\nallowed_endpoints: [POST /v1/refunds]\n";

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

// The command itself, as a process, against a real control plane.
describe("keybrake", () => {
  let databases: TestDatabases;
  let stage: Stage;
  let folder: string;

  beforeAll(async () => {
    databases = await (BACKENDS[0] as (typeof BACKENDS)[number]).open();
    stage = await openStage(databases);
    folder = mkdtempSync(join(tmpdir(), "keybrake-cli-"));
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function start(args: readonly string[], env: Record<string, string> = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("KEYBRAKE_"));
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: folder,
      env: {
        ...Object.fromEntries(inherited),
        KEYBRAKE_URL: stage.baseUrl,
        KEYBRAKE_ADMIN_TOKEN: stage.token,
        ...env,
      },
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const finished = new Promise<Finished>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, stdout, stderr }));
    });
    return { child, finished, stdout: () => stdout };
  }

  async function keybrake(
    args: readonly string[],
    input = "",
    env: Record<string, string> = {},
  ): Promise<Finished> {
    const { child, finished } = start(args, env);
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    return finished;
  }

  /** Runs it for a program, expecting success. */
  async function json(args: readonly string[], input = ""): Promise<Record<string, unknown>> {
    const { code, stdout, stderr } = await keybrake([...args, "--json"], input);
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  function write(name: string, text: string): string {
    writeFileSync(join(folder, name), text);
    return name;
  }

  it("adds, rotates, lists and deletes secrets, taking values from stdin or a file and never showing one", async () => {
    const added = await keybrake(["secrets", "add", "main"], `${VALUE}\n`);
    expect(added).toEqual({ code: 0, stdout: "stored secret main\n", stderr: "" });
    const { id } = (await stage.secrets.find("main")) ?? { id: "" };
    expect((await stage.secrets.open(id, 1)).credential.toString()).toBe(VALUE);
    const rotated = await keybrake([
      "secrets",
      "rotate",
      "main",
      "--value-file",
      write("value", `${VALUE}2`),
    ]);
    expect(rotated.stdout).toBe("secret main is at version 2\n");
    expect((await stage.secrets.open(id, 2)).credential.toString()).toBe(`${VALUE}2`);
    const listed = await keybrake(["secrets", "list"]);
    expect(listed.stdout.split("\n")[0]).toMatch(
      /^NAME +VENDOR +MODE +ACCOUNT +VERSION +CREATED +ROTATED +PER SECOND$/,
    );
    expect(listed.stdout).toMatch(/^main +stripe +test +2 /m);
    expect((await json(["secrets", "list"]))["data"]).toMatchObject([{ name: "main", version: 2 }]);
    await keybrake(
      ["secrets", "add", "other", "--account-id", "acct_1", "--requests-per-second", "12.5"],
      VALUE,
    );
    expect(await json(["secrets", "pace", "main", "40"])).toMatchObject({ requests_per_second: 40 });
    expect((await json(["secrets", "list"]))["data"]).toMatchObject([
      { name: "main", requests_per_second: 40 },
      { name: "other", requests_per_second: 12.5 },
    ]);
    expect(await json(["secrets", "pace", "main", "default"])).toMatchObject({ requests_per_second: null });
    expect((await keybrake(["secrets", "pace", "main", "fast"])).code).toBe(2);
    expect((await keybrake(["secrets", "delete", "other"])).stdout).toBe("deleted secret other\n");
    for (const { stdout, stderr } of [added, rotated, listed])
      expect(stdout + stderr).not.toContain("canary");
  });

  it("creates, lists, shows and revokes vault keys", async () => {
    const file = write("policy.yaml", POLICY);
    const created = await keybrake([
      "keys",
      "create",
      "--agent",
      "billing_agent",
      "--secret",
      "main",
      "--policy",
      file,
      "--run",
      "run-1",
      "--name",
      "billing",
    ]);
    expect(created.code).toBe(0);
    expect(created.stdout).toMatch(/^vault key +vault_billing_[0-9A-Za-z]{38}$/m);
    expect(created.stderr).toBe("keep the vault key now: it cannot be shown again\n");
    const { id } = await json(
      ["keys", "create", "--agent", "b", "--secret", "main", "--policy", "-"],
      '{"vendor":"stripe"}',
    );
    expect(((await json(["keys", "list", "--agent", "billing_agent"]))["data"] as unknown[]).length).toBe(1);
    const shown = await keybrake(["keys", "show", String(id)]);
    expect(shown.stdout).toMatch(/^status +active$/m);
    expect(await json(["keys", "revoke", String(id), "--reason", "test"])).toEqual({
      revoked: 1,
      vault_key_ids: [id],
    });
    expect((await json(["keys", "show", String(id)]))["status_reason"]).toBe("test");
    const byRun = await keybrake(["runs", "revoke", "run-1"]);
    expect(byRun.stdout).toMatch(/^revoked 1 vault key\n {2}[0-9a-f-]{36}\n$/);
    expect((await json(["agents", "revoke", "b"]))["revoked"]).toBe(0);
  });

  it("pulls the brake and releases it", async () => {
    expect((await keybrake(["kill-switch", "on", "--reason", "fire"])).stdout).toMatch(/ENGAGED[\s\S]*fire/);
    expect(await json(["kill-switch", "status"])).toMatchObject({ engaged: true, reason: "fire" });
    expect(await json(["kill-switch", "off"])).toMatchObject({ engaged: false });
  });

  it("creates admin tokens with a role, lists and revokes them, and says which role is missing", async () => {
    const created = await keybrake([
      "tokens",
      "create",
      "night shift",
      "--role",
      "operator",
      "--expires-in",
      "8h",
    ]);
    const token = /^admin token +(kbadm_operator_[0-9A-Za-z]{38})$/m.exec(created.stdout)?.[1] ?? "";
    expect(created).toMatchObject({
      code: 0,
      stderr: "keep the admin token now: it cannot be shown again\n",
    });
    const { data } = (await json(["tokens", "list"])) as { data: { id: string }[] };
    expect(data).toMatchObject([{ name: "night shift", role: "operator", revoked_at: null }]);
    const asOperator = { KEYBRAKE_ADMIN_TOKEN: token };
    expect((await keybrake(["kill-switch", "status"], "", asOperator)).code).toBe(0);
    expect(await keybrake(["secrets", "delete", "main"], "", asOperator)).toEqual({
      code: 1,
      stdout: "",
      stderr:
        "keybrake: this needs the role `admin`, and this token has the role `operator` (role_not_sufficient)\n",
    });
    const id = data[0]?.id ?? "";
    expect((await keybrake(["tokens", "revoke", id])).stdout).toBe(`revoked admin token ${id}\n`);
    expect((await keybrake(["kill-switch", "status"], "", asOperator)).code).toBe(1);
  });

  it("shows the master key by its id, and changes it to the configured one", async () => {
    const { active_id: id } = await json(["master-key", "status"]);
    expect(id).toMatch(/^[0-9a-f]{8}$/);
    expect((await keybrake(["master-key", "rotate"])).stdout).toMatch(new RegExp(`^in use +${id}$`, "m"));
  });

  it("makes a link that logs in once, and shows what operators did and were refused", async () => {
    const { stdout } = await keybrake(["login"]);
    expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#login=kblogin_[0-9A-Za-z]{38}\n$/);
    const listed = await keybrake(["admin-events", "--action", "secret.delete"]);
    expect(listed.stdout).toMatch(
      / night shift +operator +secret\.delete +main +refused \(role_not_sufficient\) +\{\}$/m,
    );
    const { data } = await json(["admin-events", "--action", "kill_switch.set"]);
    expect(data).toMatchObject([
      { details: { engaged: false } },
      { details: { engaged: true, reason: "fire" } },
    ]);
  });

  it("adds, tests, lists and removes alert channels, and lists alerts", async () => {
    const receiver = await openAlertReceiver();
    const url = `${receiver.url}/services/T0CANARY`;
    const alerts = (...args: string[]) => keybrake(["alerts", ...args]);
    // Side by side, because each is a process of its own.
    const [ops, slack, refused] = await Promise.all([
      keybrake(["alerts", "channels", "add", "ops", "--events", "kill_switch,overrun"], `${url}\n`),
      alerts("channels", "add", "slack", "--kind", "slack", "--url-file", write("url", url), "--json"),
      keybrake(["alerts", "channels", "add", "ssrf"], "https://169.254.169.254/T0CANARY"),
    ]);
    expect(ops).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^signing secret +kbwhsec_[A-Za-z0-9_-]{43}$/m),
      stderr: "keep the signing secret now: it cannot be shown again\n",
    });
    expect(JSON.parse(slack.stdout)).toMatchObject({ kind: "slack", events: [], signing_secret: null });
    expect(refused.stderr).toMatch(/must be a public address.* \(address_refused\)\n$/);
    const good = await alerts("channels", "test", "ops");
    expect(good).toMatchObject({ code: 0, stdout: expect.stringMatching(/^answered 204 \(\d+ ms\)\n$/) });
    receiver.answer = (response) => void response.writeHead(500).end();
    const bad = await alerts("channels", "test", "slack");
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/^not delivered: answered 500 \(\d+ ms\)\n$/);
    const [channels, listed] = await Promise.all([alerts("channels", "list"), alerts("--kind", "test")]);
    expect(channels.stdout).toMatch(
      /^ops +webhook +http:\/\/127\.0\.0\.1:\d+ +kill_switch, overrun +info +yes +0 +delivered +/m,
    );
    expect(channels.stdout).toMatch(/^slack +slack +\S+ +all +info +yes +0 +answered 500 +/m);
    expect(listed.stdout).toMatch(/info +test +Test alert .* ops$/m);
    expect(listed.stdout).toMatch(
      /info +test +Test alert .* slack: failed after 1 attempt\(s\), answered 500$/m,
    );
    expect((await alerts("channels", "remove", "ops")).stdout).toBe("removed alert channel ops\n");
    expect(await alerts("channels", "remove", "ops")).toMatchObject({
      code: 1,
      stderr: "keybrake: there is no alert channel `ops`\n",
    });
    for (const { stdout, stderr } of [ops, slack, refused, good, bad, channels, listed])
      expect(stdout + stderr).not.toContain("CANARY");
    await receiver.close();
  }, 60_000);

  it("caps, lists and deletes budgets", async () => {
    const set = await json([
      "budgets",
      "set",
      "--agent",
      "billing_agent",
      "--window",
      "daily",
      "--usd",
      "12.5",
    ]);
    expect(set).toMatchObject({ scope: "agent_id", limit: "12.50" });
    const again = await keybrake([
      "budgets",
      "set",
      "--agent",
      "billing_agent",
      "--window",
      "daily",
      "--usd",
      "13",
    ]);
    expect(again.stdout).toMatch(/agent_id +billing_agent +daily +usd +13\.00/);
    await json(["budgets", "set", "--installation", "--window", "total", "--calls", "9"]);
    expect(((await json(["budgets", "list"]))["data"] as unknown[]).length).toBe(2);
    expect((await keybrake(["budgets", "delete", String(set["id"])])).code).toBe(0);
    expect(((await json(["budgets", "list"]))["data"] as unknown[]).length).toBe(1);
  });

  it("shows calls as a table, as CSV, as NDJSON and by SQL, with what agents wrote made harmless", async () => {
    const policy = { vendor: "stripe", daily_usd_cap: 100 } as const;
    const key = await stage.admin.vaultKeys.create({ agent_id: "spender", secret: "main", policy });
    const { id: secretId } = (await stage.secrets.find("main")) ?? { id: "" };
    const call = { vaultKeyId: key.id, secretId, agentId: "spender" };
    await writeCalls(stage, [
      { ...call, costUsd: 2.5, metadata: { agent_id: "spender" } },
      { ...call, state: "denied", path: "/v1/\u001b[31mred\u202e" },
    ]);
    const table = await keybrake(["calls", "--agent", "spender"]);
    expect(table.stdout).toMatch(/POST \/v1\/refunds +settled +200 +2\.50/);
    expect(table.stdout).toContain("/v1/\\u{1b}[31mred\\u{202e}");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
    expect(table.stdout).not.toMatch(/[\u001b\u202e]/);
    const refused = await keybrake(["calls", "--denied", "--search", "RED", "--agent", "spender"]);
    expect(refused.stdout.trimEnd().split("\n")).toHaveLength(2);
    expect(refused.stdout).toContain("endpoint_not_allowed");
    expect(await keybrake(["calls", "--follow", "--search", "x"])).toMatchObject({ code: 2 });
    const csv = await keybrake(["calls", "--csv", "--agent", "spender"]);
    expect(csv.stdout.split("\r\n")).toHaveLength(4);
    const ndjson = await keybrake(["calls", "--ndjson", "--state", "settled"]);
    expect(JSON.parse(ndjson.stdout)).toMatchObject({ agent_id: "spender", cost_usd: "2.50" });
    const sql = "SELECT * FROM calls WHERE metadata->>'agent_id' = 'spender'";
    expect((await json(["sql", sql]))["rows"]).toMatchObject([{ cost_usd: "2.500000" }]);
    expect((await keybrake(["sql", "SELECT 1 AS one"])).stdout).toBe("one\n1\n");
    const spend = await keybrake(["spend", "--by", "agent_id"]);
    expect(spend.stdout).toMatch(/^spender +test +1 +1 +0\.00 +2\.50$/m);
    expect((await keybrake(["audit", "verify"])).stdout).toMatch(/^sound: \d+ links/);
  });

  it("follows calls as they happen, and ends well when it is interrupted", async () => {
    const [key] = (await stage.admin.vaultKeys.list({ agent_id: "spender" })).data;
    const { id: secretId } = (await stage.secrets.find("main")) ?? { id: "" };
    const { child, finished, stdout } = start(["calls", "--follow", "--ndjson", "--agent", "spender"]);
    const call = { vaultKeyId: key?.id ?? "", secretId, agentId: "spender", state: "denied" as const };
    // It cannot be seen from outside when it has begun to follow, so calls are made until one is told.
    await expect
      .poll(
        async () => {
          await writeCalls(stage, [call]);
          return stdout();
        },
        { timeout: 20_000, interval: 200 },
      )
      .toContain('"state":"denied"');
    child.kill("SIGINT");
    expect(await finished).toMatchObject({ code: 0, stderr: "" });
  });

  it("says whether a call would pass, from a file and for a key, without making it", async () => {
    const file = write("policy.yaml", POLICY);
    const ask = (...args: string[]) => keybrake(["policy", "test", ...args]);
    const allowed = await ask(file, "--path", "/v1/refunds", "--body", "amount=500&charge=ch_1");
    expect(allowed).toMatchObject({ code: 0, stderr: "" });
    expect(allowed.stdout).toMatch(/^allow\n/);
    const denied = await ask(file, "--method", "GET", "--path", "/v1/customers/cus_1");
    expect(denied.code).toBe(1);
    expect(denied.stdout).toMatch(/^deny: endpoint_not_allowed\nwhy +this vault key may not call/);
    const policy = {
      vendor: "stripe",
      total_usd_cap: "20.00",
      allowed_endpoints: ["POST /v1/payment_intents"],
    } as const;
    const key = await stage.admin.vaultKeys.create({ agent_id: "probe", secret: "main", policy });
    const body = (cents: number) => [
      "--path",
      "/stripe/v1/payment_intents",
      "--body",
      `amount=${cents}&currency=usd`,
    ];
    expect((await ask(key.id, ...body(2_000))).code).toBe(0);
    const over = await keybrake(["policy", "test", key.id, ...body(2_001), "--json"]);
    expect(over.code).toBe(1);
    expect(JSON.parse(over.stdout)).toMatchObject({
      verdict: "deny",
      code: "total_cap_exceeded",
      price: "20.01 USD",
    });
    const wide = write("child.yaml", "{ vendor: stripe, allowed_endpoints: ['* /v1/**'] }");
    const create = ["keys", "create", "--agent", "probe", "--parent", key.id, "--policy"];
    const wider = await keybrake([...create, wide]);
    expect(wider.code).not.toBe(0);
    expect(wider.stderr).toContain("allowed_endpoints");
    const narrow = write("narrow.yaml", "{ vendor: stripe, allowed_endpoints: [POST /v1/payment_intents] }");
    const child = JSON.parse((await keybrake([...create, narrow, "--json"])).stdout) as { id: string };
    expect((await keybrake(["keys", "list", "--parent", key.id])).stdout).toContain(child.id);
    expect((await ask(child.id, ...body(2_000))).code).toBe(0);
    expect((await ask(child.id, ...body(2_001))).stdout).toMatch(/^deny: total_cap_exceeded/);
    await stage.admin.vaultKeys.update(key.id, { policy: { ...policy, currencies: ["eur"] } });
    expect((await ask(child.id, ...body(1))).stdout).toMatch(
      /^deny: currency_not_allowed\nwhy +its parent refuses/,
    );
    await stage.admin.vaultKeys.revoke(key.id);
    expect((await ask(key.id, ...body(1))).stdout).toMatch(/^deny: vault_key_revoked/);
  });

  it("applies a manifest once, and changes nothing the second time", async () => {
    const manifest = (cap: number) => `
secrets: [main]
budgets:
  - { scope: agent_id, value: applied_agent, window: monthly, usd_cap: ${cap} }
keys:
  - name: applied one
    agent_id: applied_agent
    secret: main
    policy: { vendor: stripe, daily_usd_cap: "${cap}.00", allowed_endpoints: [POST /v1/refunds] }
  - name: applied two
    agent_id: applied_agent
    secret: main
    crew_run_id: nightly
    policy: { vendor: stripe }
`;
    const file = write("keybrake.yaml", manifest(50));
    const dry = await keybrake(["apply", "-f", file, "--dry-run"]);
    expect(dry.stdout.match(/^\+ /gm)).toHaveLength(3);
    const first = await keybrake(["apply", "-f", file]);
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/^ {2}applied one: vault_applied_[0-9A-Za-z]{38}$/m);
    const keys = (await stage.admin.vaultKeys.list({ agent_id: "applied_agent" })).data;
    expect(keys).toHaveLength(2);
    const second = await keybrake(["apply", "-f", file]);
    expect(second.stdout.match(/^= /gm)).toHaveLength(3);
    expect(second.stdout).not.toMatch(/^[+~]/m);
    write("keybrake.yaml", manifest(60));
    const third = await json(["apply", "-f", file]);
    expect((third["steps"] as { action: string }[]).map(({ action }) => action)).toEqual([
      "update",
      "update",
      "keep",
    ]);
    const after = (await stage.admin.vaultKeys.list({ agent_id: "applied_agent" })).data;
    expect(after.map(({ id }) => id)).toEqual(keys.map(({ id }) => id));
    expect(after.map(({ policy_version: version }) => version).sort()).toEqual([1, 2]);
    const missing = await keybrake(["apply", "-f", write("m.yaml", "secrets: [nowhere]")]);
    expect(missing).toMatchObject({ code: 1, stderr: "keybrake: add these secrets first: `nowhere`\n" });
  });

  it("finds the token in a file, and in the server's data directory", async () => {
    const token = { KEYBRAKE_ADMIN_TOKEN: "wrong" };
    expect(
      (await keybrake(["secrets", "list", "--token-file", write("token", `${stage.token}\n`)], "", token))
        .code,
    ).toBe(0);
    write("admin-token", stage.token);
    const { child, finished } = start(["secrets", "list"], { KEYBRAKE_DATA_DIR: folder });
    child.stdin.end();
    expect((await finished).code).toBe(0);
  });

  it.each([
    [
      "a refusal",
      ["keys", "show", "00000000-0000-4000-8000-000000000000"],
      {},
      1,
      /^keybrake: there is no vault key/,
    ],
    [
      "a wrong token",
      ["secrets", "list"],
      { KEYBRAKE_ADMIN_TOKEN: "wrong" },
      1,
      /the admin token is wrong \(unauthorized\)/,
    ],
    ["an unknown command", ["keyz"], {}, 2, /^keybrake: unknown command/],
    ["an unknown option", ["secrets", "list", "--colour"], {}, 2, /^keybrake: unknown option/],
    ["a missing option", ["keys", "create", "--agent", "a"], {}, 2, /^keybrake: required option/],
    ["a missing file", ["apply", "-f", "absent.yaml"], {}, 2, /^keybrake: cannot read `absent.yaml`/],
    [
      "two scopes",
      ["budgets", "set", "--agent", "a", "--run", "b", "--window", "daily", "--usd", "1"],
      {},
      2,
      /give one of/,
    ],
    ["a bad address", ["secrets", "list"], { KEYBRAKE_URL: "ftp://x" }, 2, /is no base URL/],
    [
      "nobody there",
      ["secrets", "list"],
      { KEYBRAKE_URL: "http://127.0.0.1:9" },
      3,
      /^keybrake: cannot reach/,
    ],
    ["a refused query", ["sql", "SELECT pg_sleep(1)"], {}, 1, /may not be called/],
    ["a pasted key", ["secrets", "add", "x"], {}, 2, /the value is empty/],
  ])("ends with one plain line and the right code: %s", async (_name, args, env, code, line) => {
    const finished = await keybrake(args, "", env);
    expect(finished.code).toBe(code);
    expect(finished.stderr).toMatch(line);
    expect(finished.stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(finished.stdout).toBe("");
  });

  it("prints its help and its version", async () => {
    expect(await keybrake(["--help"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("KEYBRAKE_URL"),
    });
    expect((await keybrake(["--version"])).code).toBe(0);
    expect((await keybrake([])).code).toBe(2);
  });

  // The last one: it spoils the log.
  it("exits 1 when the audit log is not sound, and names the link", async () => {
    await databases.ownerDatabase.query("UPDATE calls SET agent_id = 'forged'");
    const { code, stderr } = await keybrake(["audit", "verify"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^keybrake: the audit log is not sound: epoch \d+, link \d+: the decision of call/,
    );
  });
});
