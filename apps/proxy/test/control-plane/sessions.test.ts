import { randomBytes } from "node:crypto";
import type { AdminRole } from "@keybrake/core";
import { generateBrowserToken } from "@keybrake/core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { BACKENDS, requireBackends, type TestDatabases } from "./backends.ts";
import { openStage, type Stage } from "./stage.ts";

const OTHER_SITE = "https://evil.example";

requireBackends();

/** A browser, as far as it matters: it has one cookie, and says where its requests come from. */
class Browser {
  readonly #baseUrl: string;
  cookie: string | null = null;
  csrf = "";
  lastSetCookie = "";

  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl;
  }

  get origin(): string {
    return new URL(this.#baseUrl).origin;
  }

  async ask(method: string, path: string, options: { body?: object; headers?: Record<string, string> } = {}) {
    const response = await fetch(`${this.#baseUrl}/api/v1${path}`, {
      method,
      headers: {
        origin: this.origin,
        ...(this.cookie === null ? {} : { cookie: this.cookie }),
        ...(this.csrf === "" ? {} : { "x-keybrake-csrf": this.csrf }),
        ...(options.body === undefined ? {} : { "content-type": "application/json" }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    const [set] = response.headers.getSetCookie();
    if (set !== undefined) {
      this.lastSetCookie = set;
      const pair = set.split(";")[0] ?? "";
      this.cookie = pair.endsWith("=") ? null : pair;
    }
    const text = await response.text();
    const body = text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
    return { status: response.status, code: body["code"], body };
  }

  async logIn(proof: { token: string } | { code: string }) {
    const answer = await this.ask("POST", "/session", { body: proof });
    if (answer.status === 201) this.csrf = String(answer.body["csrf"]);
    return answer;
  }
}

describe.each(BACKENDS)("sessions on $name", ({ open }) => {
  let databases: TestDatabases;
  let stage: Stage;

  beforeAll(async () => {
    databases = await open();
    stage = await openStage(databases);
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
  });

  const tokenOf = (role: AdminRole) => stage.admin.adminTokens.create({ name: `an ${role}`, role });
  const loggedIn = async (proof: { token: string } | { code: string } = { token: stage.token }) => {
    const browser = new Browser(stage.baseUrl);
    expect((await browser.logIn(proof)).status).toBe(201);
    return browser;
  };
  const engage = { body: { engaged: false } };

  it("are opened by a token and act with its role, in a cookie that no script reads and no other site sends", async () => {
    const { token } = await tokenOf("operator");
    const browser = new Browser(stage.baseUrl);
    const opened = await browser.logIn({ token });
    expect(opened).toMatchObject({ status: 201, body: { name: "an operator", role: "operator" } });
    expect(browser.lastSetCookie).toMatch(
      /^keybrake_session=kbsession_[0-9A-Za-z]{38}; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    expect(JSON.stringify(opened.body)).not.toContain(browser.cookie?.split("=")[1]);
    expect((await browser.ask("GET", "/session")).body).toMatchObject({
      role: "operator",
      csrf: browser.csrf,
    });
    expect((await browser.ask("PUT", "/kill-switch", engage)).status).toBe(200);
    expect(await browser.ask("DELETE", "/secrets/x")).toMatchObject({
      status: 403,
      code: "role_not_sufficient",
    });
    const [entry] = (await stage.admin.adminEvents.list({ action: "kill_switch.set" })).data;
    expect(entry).toMatchObject({ token_name: "an operator", role: "operator" });
    const stored = JSON.stringify(
      await stage.database.query("SELECT s.*::text AS row FROM admin_sessions s"),
    );
    expect(stored).not.toContain(browser.cookie?.slice(-38));
  });

  it("have a Secure cookie, which only this host can have set, where TLS ends before the control plane", async () => {
    const browser = new Browser(stage.baseUrl);
    const headers = { "x-forwarded-proto": "https", "sec-fetch-site": "same-origin" };
    await browser.ask("POST", "/session", { body: { token: stage.token }, headers });
    expect(browser.lastSetCookie).toMatch(
      /^__Host-keybrake_session=.*; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    expect((await browser.ask("GET", "/session")).status).toBe(200);
  });

  it.each([
    ["without the header", (browser: Browser) => ({ "x-keybrake-csrf": "", origin: browser.origin })],
    ["with another session's value", () => ({ "x-keybrake-csrf": randomBytes(32).toString("base64url") })],
    ["from another site", () => ({ origin: OTHER_SITE })],
    ["from another port", () => ({ origin: "http://127.0.0.1:1" })],
    ["from a page without an origin", () => ({ origin: "null" })],
    ["from a page that the browser calls another site's", () => ({ "sec-fetch-site": "cross-site" })],
    ["from a page that the browser calls a sibling's", () => ({ "sec-fetch-site": "same-site" })],
    ["that a link or a bookmark sends", () => ({ "sec-fetch-site": "none" })],
  ])("CSRF: refuse a change %s, and leave an entry", async (_what, headersOf) => {
    const browser = await loggedIn();
    const answer = await browser.ask("PUT", "/kill-switch", {
      body: { engaged: true },
      headers: headersOf(browser),
    });
    expect(answer).toMatchObject({ status: 403, code: "csrf_refused" });
    expect((await stage.admin.killSwitch.get()).engaged).toBe(false);
    const [entry] = (await stage.admin.adminEvents.list({ limit: 1 })).data;
    expect(entry).toMatchObject({
      token_name: "bootstrap",
      action: "authenticate",
      code: "csrf_refused",
      details: { method: "PUT", path: "/kill-switch" },
    });
    // A look needs no proof, and a bearer token none at all.
    expect((await browser.ask("GET", "/kill-switch", { headers: headersOf(browser) })).status).toBe(200);
    const bearer = { authorization: `Bearer ${stage.token}`, origin: OTHER_SITE };
    expect(
      (await new Browser(stage.baseUrl).ask("PUT", "/kill-switch", { ...engage, headers: bearer })).status,
    ).toBe(200);
  });

  it("CSRF: are not opened by another site's page", async () => {
    const browser = new Browser(stage.baseUrl);
    const body = { token: stage.token };
    expect(await browser.ask("POST", "/session", { body, headers: { origin: OTHER_SITE } })).toMatchObject({
      status: 403,
      code: "csrf_refused",
    });
    const headers = { "content-type": "text/plain" };
    expect((await browser.ask("POST", "/session", { body, headers })).status).toBe(415);
    expect(browser.cookie).toBeNull();
  });

  it("fixation: never take over a cookie that was there before, and end its session", async () => {
    const planted = `keybrake_session=${generateBrowserToken("session")}`;
    const browser = new Browser(stage.baseUrl);
    browser.cookie = planted;
    await browser.logIn({ token: stage.token });
    expect(browser.cookie).not.toBe(planted);
    const attacker = new Browser(stage.baseUrl);
    attacker.cookie = planted;
    expect((await attacker.ask("GET", "/session")).status).toBe(401);
    // The same for one that was good: who has the old cookie has nothing after another login.
    const before = browser.cookie;
    await browser.logIn({ token: stage.token });
    attacker.cookie = before;
    expect((await attacker.ask("GET", "/session")).status).toBe(401);
    expect((await browser.ask("GET", "/session")).status).toBe(200);
    // Two cookies of the name are nobody's.
    attacker.cookie = `${planted}; ${browser.cookie}`;
    expect((await attacker.ask("GET", "/session")).status).toBe(401);
  });

  it.each([
    ["eight hours without a request", "seen_at = now() - interval '8 hours'"],
    ["twenty-four hours in all", "created_at = now() - interval '24 hours', seen_at = now()"],
  ])("expiry: end after %s, by the database's clock", async (_what, passing) => {
    const browser = await loggedIn();
    await stage.database.query(
      "UPDATE admin_sessions SET seen_at = now() - interval '7 hours 59 minutes', created_at = now() - interval '23 hours'",
    );
    const answer = await browser.ask("GET", "/session");
    expect(answer.status).toBe(200);
    const leftMs = Date.parse(String(answer.body["ends_at"])) - Date.now();
    expect([leftMs > 3_500_000, leftMs < 3_700_000]).toEqual([true, true]);
    // The request above was written down, so the idle time counts anew.
    await stage.database.query("UPDATE admin_sessions SET created_at = now()");
    expect((await browser.ask("GET", "/session")).status).toBe(200);
    await stage.database.query(`UPDATE admin_sessions SET ${passing}`);
    expect(await browser.ask("GET", "/session")).toMatchObject({ status: 401, code: "unauthorized" });
    expect(browser.cookie).toBeNull();
    // The next login removes what has ended.
    await loggedIn();
    expect(await stage.database.query("SELECT count(*)::int AS left FROM admin_sessions")).toEqual([
      { left: 1 },
    ]);
  });

  it("end at the logout, for every copy of the cookie", async () => {
    const browser = await loggedIn();
    const copy = new Browser(stage.baseUrl);
    copy.cookie = browser.cookie;
    expect((await browser.ask("DELETE", "/session")).status).toBe(204);
    expect(browser.cookie).toBeNull();
    expect((await copy.ask("GET", "/session")).status).toBe(401);
    const bearer = { authorization: `Bearer ${stage.token}` };
    expect((await browser.ask("DELETE", "/session", { headers: bearer })).status).toBe(404);
  });

  it("end when their token is revoked or expires, and when the bootstrap token is another one", async () => {
    const { id, token } = await tokenOf("admin");
    const browser = await loggedIn({ token });
    await stage.admin.adminTokens.revoke(id);
    expect((await browser.ask("GET", "/session")).status).toBe(401);
    const brief = await tokenOf("admin");
    const other = await loggedIn({ token: brief.token });
    await stage.database.query("UPDATE admin_tokens SET expires_at = now() WHERE id = $1", [brief.id]);
    expect((await other.ask("GET", "/session")).status).toBe(401);
    const bootstrap = await loggedIn();
    await stage.database.query("UPDATE admin_sessions SET bootstrap_hash = sha256(bootstrap_hash)");
    expect((await bootstrap.ask("GET", "/session")).status).toBe(401);
  });

  it("stop following events when they end, though the connection is open", async () => {
    const { id, token } = await tokenOf("auditor");
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const response = await fetch(`${stage.baseUrl}/api/v1/events`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toContain("following");
    await vi.advanceTimersByTimeAsync(15_000);
    expect((await reader?.read())?.value).toContain("still here");
    await stage.admin.adminTokens.revoke(id);
    await vi.advanceTimersByTimeAsync(15_000);
    expect((await reader?.read())?.done).toBe(true);
  });

  it("are opened by a login link once, within ten minutes, with the role of whoever made it", async () => {
    const { id, token } = await tokenOf("auditor");
    const make = async () => {
      const bearer = { authorization: `Bearer ${token}` };
      return String(
        (await new Browser(stage.baseUrl).ask("POST", "/login-codes", { headers: bearer })).body["code"],
      );
    };
    const [code, late, orphan] = [await make(), await make(), await make()];
    const attempts = await Promise.all(
      Array.from({ length: 8 }, () => new Browser(stage.baseUrl).logIn({ code })),
    );
    const opened = attempts.filter(({ status }) => status === 201);
    expect(opened).toMatchObject([{ body: { name: "an auditor", role: "auditor" } }]);
    expect(attempts.filter(({ status }) => status === 401)).toHaveLength(7);

    await stage.database.query("UPDATE login_codes SET expires_at = now()");
    expect((await new Browser(stage.baseUrl).logIn({ code: late })).status).toBe(401);
    await stage.database.query("UPDATE login_codes SET expires_at = now() + interval '1 minute'");
    await stage.admin.adminTokens.revoke(id);
    expect((await new Browser(stage.baseUrl).logIn({ code: orphan })).status).toBe(401);
    const link = await stage.admin.loginCodes.create();
    expect(Date.parse(link.expires_at) - Date.now()).toBeLessThanOrEqual(600_000 + 5_000);
    expect((await (await loggedIn({ code: link.code })).ask("GET", "/session")).body).toMatchObject({
      name: "bootstrap",
    });
  });

  it("count a wrong token or code as a guess", async () => {
    const browser = new Browser(stage.baseUrl);
    let answer = await browser.logIn({ token: "x" });
    for (let guess = 1; guess <= 10 && answer.status === 401; guess++)
      answer = await browser.logIn(
        guess % 2 === 0 ? { token: "x" } : { code: generateBrowserToken("login") },
      );
    expect(answer).toMatchObject({ status: 429, code: "too_many_attempts" });
    expect((await browser.logIn({ token: stage.token })).status).toBe(201);
  });
});
