import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { writeWebhookMessage } from "../../src/alerts/alert-message.ts";

const PAGE = readFileSync(new URL("../../../../docs/alerts.md", import.meta.url), "utf8");
const SECRET = "kbwhsec_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const NOW = 1_800_000_000;

function snippet(language: string): string {
  const code = new RegExp(`^\`\`\`${language} verify\\n(.*?)^\`\`\`$`, "ms").exec(PAGE)?.[1];
  if (code === undefined) throw new Error(`docs/alerts.md has no snippet in ${language}`);
  return code;
}

type Verify = (secret: string, header: string, body: string, now: number) => boolean;

/** As a receiver in Node would. */
async function verifierInNode(): Promise<Verify> {
  const source = Buffer.from(snippet("js")).toString("base64");
  const module = (await import(`data:text/javascript;base64,${source}`)) as { isFromKeybrake: Verify };
  return module.isFromKeybrake;
}

/** As a receiver in Python would. */
function verifierInPython(): Verify {
  const program = `import json, sys\n${snippet("python")}\nsecret, header, body, now = json.load(sys.stdin)
print(json.dumps(is_from_keybrake(secret, header, body.encode(), now)))`;
  return (...input) =>
    JSON.parse(
      execFileSync("python3", ["-c", program], { input: JSON.stringify(input), encoding: "utf8" }),
    ) as boolean;
}

const example = JSON.parse(/^```json\n(.*?)^```$/ms.exec(PAGE)?.[1] ?? "") as Parameters<
  typeof writeWebhookMessage
>[0];

describe("the signature is checked by docs/alerts.md as it stands there", () => {
  it.each([
    ["Node", verifierInNode],
    ["Python", async () => verifierInPython()],
  ])("in %s", async (_language, open) => {
    const verify = await open();
    const alert = { ...example, title: "naïve — 日本 \u{1f6d1} \u2028" };
    const { headers, body } = writeWebhookMessage(alert, SECRET, NOW, "0.0.0");
    const header = headers["keybrake-signature"] ?? "";
    expect(verify(SECRET, header, body, NOW + 5)).toBe(true);
    expect(verify(SECRET, header, body, NOW + 301)).toBe(false);
    expect(verify(SECRET, header, body, NOW - 301)).toBe(false);
    expect(verify(`${SECRET}x`, header, body, NOW)).toBe(false);
    expect(verify(SECRET, header, `${body} `, NOW)).toBe(false);
    expect(verify(SECRET, header.replace(`t=${NOW}`, `t=${NOW + 1}`), body, NOW)).toBe(false);
    expect(verify(SECRET, header.replace(/v1=../, "v1=00"), body, NOW)).toBe(false);
    expect(verify(SECRET, `t=${NOW}`, body, NOW)).toBe(false);
    expect(verify(SECRET, "nonsense=", body, NOW)).toBe(false);
  });
});
