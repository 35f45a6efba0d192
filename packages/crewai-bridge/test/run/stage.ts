import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { VaultKey } from "@keybrake/client";
import type { CrewAgents } from "@keybrake/client/manifest";
import { startTestServer, type TestServer } from "../../../../apps/proxy/test/support/server.ts";

const BIN = fileURLToPath(new URL("../../bin/keybrake-crewai.js", import.meta.url));
const PROGRAMS = fileURLToPath(new URL("../programs/", import.meta.url));
const WAIT_MS_MAX = 30_000;
const POLL_MS = 20;

/** Real credentials that the person at the terminal has; no program of a crew may ever see one. */
export const CANARIES = {
  STRIPE_SECRET_KEY: "sk_live_canaryT6vQ1mNf9LkT4wRz8sYb",
  MY_PAYMENT_KEY: "rk_test_canaryH3jW5xPq2ZtB7nVc1dGf",
  TWILIO_AUTH_TOKEN: "c0ffee11c0ffee22c0ffee33c0ffee44",
  TWILIO_API_SECRET: "canaryTwilioApiSecretOf32Letters",
  RESEND_API_KEY: "re_canary9_KqLmNoPqRsTuVwXyZ12345",
  PAYMENTS_URL: "https://user:sk_test_canaryU8pR4kLs6MxD@pay.example.com/",
} as const;

/** The vendors' credentials of the built-in sandbox, under the names that the server gives them. */
export const BILLING: CrewAgents = {
  billing_agent: {
    stripe: {
      secret: "stripe-sandbox",
      policy: { total_usd_cap: 25, allowed_endpoints: ["POST /v1/payment_intents"], expires_in: "1h" },
    },
  },
};

/** A crew's project, and what is started in it. */
export interface LaunchOptions {
  /** Files of the project by their path, besides the manifest and the crew. */
  readonly files?: Readonly<Record<string, string>>;
  readonly agents?: CrewAgents;
  /** Words between `run` and `--`. */
  readonly options?: readonly string[];
  /** The program and its arguments; a name that ends in `.mjs` is one of the programs beside this file. */
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What reads the launcher's stderr: us, or nobody. */
  readonly isHeard?: boolean;
  /** The launcher; `keybrake-crewai` unless told otherwise. */
  readonly program?: string;
  /** What starts the launcher instead of us. */
  readonly starter?: readonly string[];
}

/** How a launcher ended. */
export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A launcher that was started. */
export interface Launched {
  readonly child: ChildProcess;
  /** Resolves when everybody who holds its output has ended. */
  readonly finished: Promise<Finished>;
  readonly crewRunId: string;
  readonly output: () => Finished;
  /** Resolves when the crew's program has printed `word`. */
  printed(word: string): Promise<void>;
}

const CREW =
  "billing_agent:\n  role: >\n    Billing Agent\n  goal: Bill\nplanner:\n  role: Planner\n  goal: Plan\n";
let runs = 0;

/** A server with the fake vendors, and projects in folders that are removed with it. */
export class Stage {
  readonly server: TestServer;
  readonly #folders: string[] = [];

  constructor(server: TestServer) {
    this.server = server;
  }

  static async open(): Promise<Stage> {
    return new Stage(await startTestServer());
  }

  async close(): Promise<void> {
    await this.server.stop();
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  }

  /** Writes a project; a classic crew of two agents unless the files say otherwise. */
  project(files: Readonly<Record<string, string>> = {}): string {
    const folder = mkdtempSync(path.join(tmpdir(), "keybrake-crew-"));
    this.#folders.push(folder);
    const hasCrew = Object.keys(files).some((name) => name.startsWith("crew."));
    const all = hasCrew ? files : { "src/demo/config/agents.yaml": CREW, ...files };
    for (const [name, text] of Object.entries(all)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), text);
    }
    return folder;
  }

  launch(options: LaunchOptions): Launched {
    const { agents = BILLING, options: words = [], env = {}, isHeard = true } = options;
    const cwd = this.project({ "keybrake.yaml": JSON.stringify({ agents }), ...options.files });
    const crewRunId = `run-${process.pid}-${++runs}`;
    const isGiven = env["CREW_RUN_ID"] !== undefined || words.includes("--run-id");
    const [starter = process.execPath, ...line] = [
      ...(options.starter ?? []),
      process.execPath,
      options.program ?? BIN,
      "run",
      ...(isGiven ? [] : ["--run-id", crewRunId]),
      ...words,
      "--",
      ...resolveProgram(options.command),
    ];
    const child = spawn(starter, line, {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        // No Python to be asked, which would take longer than everything else.
        PATH: path.dirname(process.execPath),
        HOME: cwd,
        KEYBRAKE_URL: this.server.adminUrl,
        KEYBRAKE_DATA_URL: this.server.dataUrl,
        KEYBRAKE_ADMIN_TOKEN: this.server.adminToken,
        ...CANARIES,
        ...env,
      },
    });
    return follow(child, crewRunId, isHeard);
  }

  /** The keys of a run, whatever became of them. */
  async keys(crewRunId: string): Promise<readonly VaultKey[]> {
    return (await this.server.admin.vaultKeys.list({ crew_run_id: crewRunId })).data;
  }

  /** The states of a run's keys. */
  async statuses(crewRunId: string): Promise<readonly string[]> {
    return (await this.keys(crewRunId)).map(({ status }) => status);
  }
}

function resolveProgram([name = "", ...args]: readonly string[]): readonly string[] {
  return name.endsWith(".mjs") ? [process.execPath, PROGRAMS + name, ...args] : [name, ...args];
}

function follow(child: ChildProcess, crewRunId: string, isHeard: boolean): Launched {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  if (isHeard)
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
  else child.stderr?.destroy();
  const output = () => ({ code: child.exitCode, signal: child.signalCode, stdout, stderr });
  return {
    child,
    crewRunId,
    output,
    finished: once(child, "close").then(output),
    printed: (word) =>
      until(`the program prints \`${word}\`, and not ${stdout}${stderr}`, () => stdout.includes(word)),
  };
}

/** Keeps asking until `isTrue`; rejects after half a minute. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`in vain waited until ${what}`);
    await delay(POLL_MS);
  }
}
