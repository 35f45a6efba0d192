import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const PACKAGE_ROOT = join(import.meta.dirname, "../..");
const require = createRequire(import.meta.url);
const INSTALLED = {
  stripe: require.resolve("stripe"),
  twilio: require.resolve("twilio"),
  resend: require.resolve("resend"),
  undici: require.resolve("undici"),
};
const RUN_TIMEOUT_MS = 60_000;

/** How one run of an agent ended. `escaped` are the hosts beyond this machine that it tried to reach. */
export interface AgentRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly escaped: string[];
}

/** A script of an agent, and how its process is started. */
export interface AgentScript {
  readonly source: string;
  readonly format?: "mjs" | "cjs";
  /** How the preload comes in; by default `--import`. */
  readonly preload?: "--import" | "--require" | "none";
  readonly env?: Readonly<Record<string, string>>;
}

/** A directory like an agent's own: the vendors' SDKs and this package, as it would be published, installed in it. */
export interface AgentProject {
  run(script: AgentScript): Promise<AgentRun>;
  remove(): Promise<void>;
}

/** Resolving a name is the first step out of this machine; the runs never get past it. */
const ESCAPE_WATCH = `
const dns = require("node:dns");
const { isIP } = require("node:net");
const { writeSync } = require("node:fs");
const lookup = dns.lookup;
dns.lookup = (host, options, callback) => {
  if (host === "localhost" || isIP(host)) return lookup(host, options, callback);
  writeSync(2, "\\nESCAPED " + host + "\\n");
  process.nextTick(callback ?? options, Object.assign(new Error("no network in this test"), { code: "ENOTFOUND" }));
};
`;

/** Builds the package from its sources into a new project. */
export async function createAgentProject(): Promise<AgentProject> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "keybrake-agent-")));
  const installed = join(root, "node_modules/@keybrake/client");
  await mkdir(installed, { recursive: true });
  await cp(join(PACKAGE_ROOT, "package.json"), join(installed, "package.json"));
  await promisify(execFile)(
    join(PACKAGE_ROOT, "../../node_modules/.bin/tsc"),
    ["-p", "tsconfig.build.json", "--outDir", join(installed, "dist")],
    { cwd: PACKAGE_ROOT, timeout: RUN_TIMEOUT_MS },
  );
  for (const [name, file] of Object.entries(INSTALLED)) {
    const directory = `/node_modules/${name}`;
    const target = file.slice(0, file.lastIndexOf(`${directory}/`) + directory.length);
    await symlink(target, join(root, directory));
  }
  await writeFile(join(root, "package.json"), "{}");
  await writeFile(join(root, "escape-watch.cjs"), ESCAPE_WATCH);

  return {
    run: async ({ source, format = "mjs", preload = "--import", env = {} }) => {
      const file = join(root, `agent-${randomUUID()}.${format}`);
      await writeFile(file, source);
      const register = preload === "none" ? "" : ` ${preload} @keybrake/client/register`;
      return runNode(file, root, {
        PATH: process.env["PATH"] ?? "",
        NODE_OPTIONS: `--require ./escape-watch.cjs${register}`,
        ...env,
      });
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

function runNode(file: string, cwd: string, env: NodeJS.ProcessEnv): Promise<AgentRun> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [file], { cwd, env, timeout: RUN_TIMEOUT_MS }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : error.code;
      if (typeof exitCode !== "number") reject(error);
      else {
        const escaped = [...stderr.matchAll(/^ESCAPED (.+)$/gm)].map(([, host]) => host ?? "");
        resolve({ exitCode, stdout, stderr, escaped });
      }
    });
  });
}
