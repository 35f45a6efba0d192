import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, test } from "vitest";
import { parse } from "yaml";
import type { Stage } from "./stage.ts";

const run = promisify(execFile);
const PACKAGES = fileURLToPath(new URL("../../../", import.meta.url));
const PAGE = readFileSync(path.join(PACKAGES, "crewai-bridge/README.md"), "utf8");
const PACKED = ["core", "client", "crewai-bridge"];
const INSTALL_MS_MAX = 120_000;

/** The blocks of the page in one language, in order. */
function blocks(language: string): string[] {
  return [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(
    ([, text = ""]) => text,
  );
}

/** The package as people get it, in an empty project; only the registry is asked for what it depends on. */
export function describePacked(open: () => Stage): void {
  describe("of the published package", () => {
    test("goes as its page says", { timeout: INSTALL_MS_MAX }, async ({ expect }) => {
      const [manifest = ""] = blocks("yaml");
      const folder = open().project({ "package.json": "{}", "keybrake.yaml": manifest });
      const [shell = ""] = blocks("sh");
      const [install = "", , start = ""] = shell.split("\n");
      const archives = await Promise.all(PACKED.map((name) => pack(path.join(PACKAGES, name), folder)));
      const env = { ...process.env, npm_config_prefer_offline: "true" };
      expect(install).toBe("npm install --save-dev @keybrake/crewai-bridge");
      await run("npm", ["install", "--save-dev", "--no-audit", "--no-fund", ...archives], {
        cwd: folder,
        env,
      });

      const { server } = open();
      const { secret } = parse(manifest).agents.billing_agent.stripe;
      await server.admin.secrets.create({ name: secret, vendor: "stripe", value: "sk_test_forThePageAlone" });
      // What stands behind `--`: a crew that says which variables it has.
      const bin = path.join(folder, "bin");
      mkdirSync(bin);
      writeFileSync(
        path.join(bin, "crewai"),
        '#!/bin/sh\necho "$1 $CREW_RUN_ID $BILLING_VAULT_KEY $STRIPE_BASE_URL"\n',
        {
          mode: 0o755,
        },
      );
      const started = await run("sh", ["-c", start], {
        cwd: folder,
        env: {
          PATH: `${bin}:${process.env["PATH"]}`,
          HOME: folder,
          KEYBRAKE_URL: server.adminUrl,
          KEYBRAKE_DATA_URL: server.dataUrl,
          KEYBRAKE_ADMIN_TOKEN: server.adminToken,
        },
      });
      const [, crewRunId = ""] = /^run (\S+) vault_billing_\w+ http:\S+\/stripe$/m.exec(started.stdout) ?? [];
      expect(await open().statuses(crewRunId)).toEqual(["revoked"]);

      const [program = ""] = blocks("ts");
      const here = program
        .replace("http://127.0.0.1:8788", server.adminUrl)
        .replace("http://127.0.0.1:8787", server.dataUrl);
      const token = `const token = process.env.KEYBRAKE_ADMIN_TOKEN;\n`;
      const told = here.replace("run.environment;", "console.log(JSON.stringify(run.environment));");
      writeFileSync(path.join(folder, "job.mjs"), token + told);
      const job = await run(process.execPath, ["job.mjs"], {
        cwd: folder,
        env: { KEYBRAKE_ADMIN_TOKEN: server.adminToken },
      });
      const variables = JSON.parse(job.stdout);
      expect(variables.REFUND_VAULT_KEY).toMatch(/^vault_refund_/);
      expect(await open().statuses(variables.CREW_RUN_ID)).toEqual(["revoked"]);
    });
  });
}

async function pack(folder: string, target: string): Promise<string> {
  const { stdout } = await run("pnpm", ["pack", "--json", "--pack-destination", target], { cwd: folder });
  return path.resolve(target, (JSON.parse(stdout) as { filename: string }).filename);
}
