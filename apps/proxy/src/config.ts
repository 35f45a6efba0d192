import { existsSync, readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import {
  type PriceTables,
  parseRate,
  parseResendPrices,
  parseTwilioPrices,
  type RateTable,
  RESEND_PRICES,
  TWILIO_PRICES,
  USD_ONLY,
  VENDOR_NAMES,
  type VendorName,
} from "@keybrake/core";
import { z } from "zod";
import { isWrapped, type Transit } from "./secrets/transit.ts";

/** What the environment asks for, complete and checked. Secrets are in it once, and no longer in the environment. */
export interface Config {
  readonly host: string;
  readonly port: number;
  readonly adminPort: number;
  /** Where agents reach the data plane, when that is not the address on which it listens; else null. */
  readonly dataUrl: string | null;
  readonly dataDir: string;
  /** Null = the embedded database in `dataDir`. */
  readonly databaseUrl: string | null;
  /** Who migrates and owns the tables, when the server itself shall be a role that may do less; else null. */
  readonly databaseOwnerUrl: string | null;
  readonly redisUrl: string | null;
  /** Base64 of 32 bytes as given, or the file that holds it; both null = generated when embedded. */
  readonly masterKey: string | null;
  readonly masterKeyFile: string | null;
  /** The key in use before, while it is being changed. */
  readonly previousMasterKey: string | null;
  readonly previousMasterKeyFile: string | null;
  /** Who unwraps a master key that is given wrapped; null = nobody. */
  readonly masterKeyTransit: Transit | null;
  readonly adminToken: string | null;
  readonly upstreamUrls: Readonly<Record<VendorName, string | null>>;
  readonly isSandbox: boolean;
  /** How many requests a second each vendor takes with one credential, where no secret says otherwise; null = not set. */
  readonly vendorRequestsPerSecond: Readonly<Record<VendorName, number | null>>;
  readonly retentionDays: number;
  readonly monthlyRequestLimit: number | null;
  readonly rates: RateTable;
  readonly prices: PriceTables;
  /** Where signed heads of the audit chains are kept, outside the database; null = nowhere. */
  readonly checkpointFile: string | null;
  /** How often vendors are asked for prices that they state late. */
  readonly followUpSeconds: number;
  /** From which hour (UTC) yesterday is compared with the vendors' records; null = only when asked. */
  readonly reconcileHour: number | null;
  /** Hosts (`host` or `host:port`) without a public address, or without https, to which alerts may go. */
  readonly alertPrivateHosts: readonly string[];
  readonly logLevel: LogLevel;
  readonly replicaName: string;
  /** Where each variable's value comes from; one that is not in it has its default. */
  readonly sources: ReadonlyMap<string, SettingSource>;
}

/** `environment` = the variable is set, `file` = a file of its name in the data directory. */
export type SettingSource = "environment" | "file" | "default";

const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

/** Every variable that is read. Another one that starts with KEYBRAKE_ is a typing error, and said to be one. */
const KNOWN = new Set([
  "KEYBRAKE_HOST",
  "KEYBRAKE_PORT",
  "KEYBRAKE_ADMIN_PORT",
  "KEYBRAKE_DATA_URL",
  "KEYBRAKE_DATA_DIR",
  "KEYBRAKE_DATABASE_URL",
  "KEYBRAKE_DATABASE_OWNER_URL",
  "KEYBRAKE_REDIS_URL",
  "KEYBRAKE_MASTER_KEY",
  "KEYBRAKE_MASTER_KEY_FILE",
  "KEYBRAKE_MASTER_KEY_PREVIOUS",
  "KEYBRAKE_MASTER_KEY_PREVIOUS_FILE",
  "KEYBRAKE_MASTER_KEY_TRANSIT_URL",
  "KEYBRAKE_MASTER_KEY_TRANSIT_KEY",
  "KEYBRAKE_MASTER_KEY_TRANSIT_TOKEN_FILE",
  "KEYBRAKE_ADMIN_TOKEN",
  "KEYBRAKE_ADMIN_TOKEN_FILE",
  ...VENDOR_NAMES.map(upstreamVariable),
  ...VENDOR_NAMES.map(paceVariable),
  "KEYBRAKE_SANDBOX",
  "KEYBRAKE_RETENTION_DAYS",
  "KEYBRAKE_MONTHLY_REQUEST_LIMIT",
  "KEYBRAKE_RATES_FILE",
  "KEYBRAKE_TWILIO_PRICES_FILE",
  "KEYBRAKE_RESEND_PRICES_FILE",
  "KEYBRAKE_CHECKPOINT_FILE",
  "KEYBRAKE_FOLLOW_UP_SECONDS",
  "KEYBRAKE_RECONCILE_HOUR",
  "KEYBRAKE_ALERT_PRIVATE_HOSTS",
  "KEYBRAKE_LOG_LEVEL",
  "KEYBRAKE_REPLICA_NAME",
]);
/** Read by the tests and by the command line, not by the server. */
const ELSEWHERE = /^KEYBRAKE_(?:TEST_|STRIPE_MOCK_|URL$|FUZZ_|BENCH_)/;
const SECRET_VARIABLES = [
  "KEYBRAKE_MASTER_KEY",
  "KEYBRAKE_MASTER_KEY_PREVIOUS",
  "KEYBRAKE_ADMIN_TOKEN",
  "KEYBRAKE_DATABASE_URL",
  "KEYBRAKE_DATABASE_OWNER_URL",
  "KEYBRAKE_REDIS_URL",
];

const LOOPBACK = new Set(["127.0.0.1", "[::1]", "localhost"]);
const POSTGRES = ["postgres:", "postgresql:"];
const SECRET_FILES = new Set([
  "KEYBRAKE_MASTER_KEY_FILE",
  "KEYBRAKE_MASTER_KEY_PREVIOUS_FILE",
  "KEYBRAKE_MASTER_KEY_TRANSIT_TOKEN_FILE",
  "KEYBRAKE_ADMIN_TOKEN_FILE",
]);

/** Thrown with every problem of the environment at once, one sentence each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the configuration has ${problems.length} problem(s)`);
    this.problems = problems;
  }
}

/** Reads the environment. Throws a ConfigError that lists everything that is wrong with it. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const reader = new Reader(env);
  reader.refuseUnknown();
  const { databaseUrl, databaseOwnerUrl } = reader.databases();
  const dataDir = path.resolve(reader.text("KEYBRAKE_DATA_DIR") ?? ".keybrake");
  const config: Config = {
    host: reader.text("KEYBRAKE_HOST") ?? "127.0.0.1",
    port: reader.wholeNumber("KEYBRAKE_PORT", 0, 65_535) ?? 8787,
    adminPort: reader.wholeNumber("KEYBRAKE_ADMIN_PORT", 0, 65_535) ?? 8788,
    dataUrl: reader.origin("KEYBRAKE_DATA_URL"),
    dataDir,
    databaseUrl,
    databaseOwnerUrl,
    redisUrl: reader.url("KEYBRAKE_REDIS_URL", ["redis:", "rediss:"]),
    masterKey: reader.text("KEYBRAKE_MASTER_KEY"),
    masterKeyFile: reader.text("KEYBRAKE_MASTER_KEY_FILE"),
    previousMasterKey: reader.text("KEYBRAKE_MASTER_KEY_PREVIOUS"),
    previousMasterKeyFile: reader.text("KEYBRAKE_MASTER_KEY_PREVIOUS_FILE"),
    masterKeyTransit: reader.transit("KEYBRAKE_MASTER_KEY_TRANSIT"),
    adminToken: reader.adminToken(),
    upstreamUrls: Object.fromEntries(
      VENDOR_NAMES.map((name) => [name, reader.origin(upstreamVariable(name))]),
    ) as Config["upstreamUrls"],
    vendorRequestsPerSecond: Object.fromEntries(
      VENDOR_NAMES.map((name) => [name, reader.positiveNumber(paceVariable(name), 100_000)]),
    ) as Config["vendorRequestsPerSecond"],
    isSandbox: reader.flag("KEYBRAKE_SANDBOX") ?? databaseUrl === null,
    retentionDays: reader.wholeNumber("KEYBRAKE_RETENTION_DAYS", 1, 3_660) ?? 30,
    monthlyRequestLimit: reader.wholeNumber("KEYBRAKE_MONTHLY_REQUEST_LIMIT", 0, Number.MAX_SAFE_INTEGER),
    rates: reader.table("KEYBRAKE_RATES_FILE", path.join(dataDir, "rates.json"), USD_ONLY, readRateTable),
    prices: {
      twilio: reader.table(
        "KEYBRAKE_TWILIO_PRICES_FILE",
        path.join(dataDir, "twilio-prices.json"),
        TWILIO_PRICES,
        (text) => readJson(text, parseTwilioPrices),
      ),
      resend: reader.table(
        "KEYBRAKE_RESEND_PRICES_FILE",
        path.join(dataDir, "resend-prices.json"),
        RESEND_PRICES,
        (text) => readJson(text, parseResendPrices),
      ),
    },
    checkpointFile:
      reader.text("KEYBRAKE_CHECKPOINT_FILE") ??
      (databaseUrl === null ? path.join(dataDir, "checkpoints.ndjson") : null),
    followUpSeconds: reader.wholeNumber("KEYBRAKE_FOLLOW_UP_SECONDS", 1, 86_400) ?? 15,
    reconcileHour: reader.wholeNumber("KEYBRAKE_RECONCILE_HOUR", 0, 23),
    alertPrivateHosts: reader.hosts("KEYBRAKE_ALERT_PRIVATE_HOSTS"),
    logLevel: reader.oneOf("KEYBRAKE_LOG_LEVEL", LOG_LEVELS) ?? "info",
    replicaName: reader.text("KEYBRAKE_REPLICA_NAME") ?? `${hostname()}:${process.pid}`,
    sources: reader.sources,
  };
  reader.checkMasterKey("KEYBRAKE_MASTER_KEY", databaseUrl !== null);
  reader.checkMasterKey("KEYBRAKE_MASTER_KEY_PREVIOUS", false);
  if (config.port !== 0 && config.port === config.adminPort) {
    reader.problem(
      "KEYBRAKE_PORT and KEYBRAKE_ADMIN_PORT must differ: agents must not reach the control plane",
    );
  }
  reader.throwIfWrong();
  return config;
}

/** What `migrate` needs of the environment: both databases' addresses, and nothing else. */
export function readMigrationConfig(env: Readonly<Record<string, string | undefined>>): {
  readonly databaseUrl: string;
  readonly databaseOwnerUrl: string;
} {
  const reader = new Reader(env);
  const { databaseUrl, databaseOwnerUrl } = reader.databases();
  if (databaseUrl === null || databaseOwnerUrl === null) {
    reader.problem(
      "set KEYBRAKE_DATABASE_OWNER_URL to the owner of the tables, and KEYBRAKE_DATABASE_URL to the role of the server",
    );
  }
  reader.throwIfWrong();
  return { databaseUrl: databaseUrl ?? "", databaseOwnerUrl: databaseOwnerUrl ?? "" };
}

/** The setting that names another address for a vendor: a mock, a test server. */
function upstreamVariable(vendor: VendorName): string {
  return `KEYBRAKE_${vendor.toUpperCase()}_UPSTREAM_URL`;
}

/** The setting that says how fast a vendor may be asked with one credential. */
export function paceVariable(vendor: VendorName): string {
  return `KEYBRAKE_${vendor.toUpperCase()}_REQUESTS_PER_SECOND`;
}

/** Removes the secrets from the environment, so that no child process and no crash report inherits them. */
export function forgetSecrets(env: Record<string, string | undefined>): void {
  for (const name of SECRET_VARIABLES) delete env[name];
}

class Reader {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #problems: string[] = [];
  /** Where values were found, by variable. */
  readonly sources = new Map<string, SettingSource>();

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  problem(text: string): void {
    this.#problems.push(text);
  }

  throwIfWrong(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
  }

  refuseUnknown(): void {
    for (const name of Object.keys(this.#env)) {
      if (!name.startsWith("KEYBRAKE_") || KNOWN.has(name) || ELSEWHERE.test(name)) continue;
      this.problem(`${name} is not a setting: check its spelling`);
    }
  }

  text(name: string): string | null {
    const value = this.#env[name]?.trim();
    if (value === undefined || value === "") return null;
    this.sources.set(name, "environment");
    return value;
  }

  wholeNumber(name: string, min: number, max: number): number | null {
    const text = this.text(name);
    if (text === null) return null;
    const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    this.problem(`${name} must be a whole number from ${min} to ${max}, not \`${text}\``);
    return null;
  }

  positiveNumber(name: string, max: number): number | null {
    const text = this.text(name);
    if (text === null) return null;
    const value = /^[0-9]{1,6}(?:\.[0-9]{1,3})?$/.test(text) ? Number(text) : Number.NaN;
    if (value > 0 && value <= max) return value;
    this.problem(`${name} must be a number above 0 and at most ${max}, not \`${text}\``);
    return null;
  }

  flag(name: string): boolean | null {
    const text = this.text(name);
    if (text === null || text === "1" || text === "0") return text === null ? null : text === "1";
    this.problem(`${name} must be 1 or 0, not \`${text}\``);
    return null;
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T | null {
    const text = this.text(name);
    const value = values.find((candidate) => candidate === text);
    if (text !== null && value === undefined)
      this.problem(`${name} must be one of ${values.join(", ")}, not \`${text}\``);
    return value ?? null;
  }

  /** The value is not repeated in the problem: a URL may hold a password. */
  url(name: string, protocols: readonly string[]): string | null {
    const text = this.text(name);
    if (text === null) return null;
    if (URL.canParse(text) && protocols.includes(new URL(text).protocol)) return text;
    this.problem(
      `${name} must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`,
    );
    return null;
  }

  databases(): { readonly databaseUrl: string | null; readonly databaseOwnerUrl: string | null } {
    const databaseUrl = this.url("KEYBRAKE_DATABASE_URL", POSTGRES);
    const databaseOwnerUrl = this.url("KEYBRAKE_DATABASE_OWNER_URL", POSTGRES);
    if (databaseOwnerUrl !== null) {
      if (databaseUrl === null)
        this.problem("KEYBRAKE_DATABASE_OWNER_URL needs KEYBRAKE_DATABASE_URL beside it");
      else if (new URL(databaseUrl).username === "")
        this.problem("KEYBRAKE_DATABASE_URL must name its user, who is given the rights of the server");
    }
    return { databaseUrl, databaseOwnerUrl };
  }

  origin(name: string): string | null {
    const text = this.url(name, ["http:", "https:"]);
    if (text === null) return null;
    const url = new URL(text);
    if (url.pathname === "/" && url.search === "" && url.username === "") return url.origin;
    this.problem(`${name} must be an origin without a path, as in http://127.0.0.1:12111`);
    return null;
  }

  hosts(name: string): readonly string[] {
    const hosts = (this.text(name) ?? "").split(",").flatMap((part) => part.trim().toLowerCase() || []);
    const isHost = (text: string) => URL.canParse(`http://${text}`) && !/[/?#@\s*]/.test(text);
    for (const host of hosts.filter((text) => !isHost(text)))
      this.problem(`${name} must list hosts as in \`alerts.internal, 10.0.0.5:8443\`, not \`${host}\``);
    return hosts;
  }

  adminToken(): string | null {
    const direct = this.text("KEYBRAKE_ADMIN_TOKEN");
    const file = this.text("KEYBRAKE_ADMIN_TOKEN_FILE");
    if (direct !== null && file !== null)
      this.problem("give KEYBRAKE_ADMIN_TOKEN or KEYBRAKE_ADMIN_TOKEN_FILE, not both");
    const token = file === null ? direct : this.#readFile("KEYBRAKE_ADMIN_TOKEN_FILE", file);
    if (token !== null && token.length < 24) this.problem("the admin token must have at least 24 characters");
    return token;
  }

  /** Key and token go there, so nobody on the way may read them. */
  transit(name: string): Transit | null {
    const url = this.url(`${name}_URL`, ["http:", "https:"]);
    const keyName = this.text(`${name}_KEY`);
    const tokenFile = this.text(`${name}_TOKEN_FILE`);
    if (url === null && keyName === null && tokenFile === null) return null;
    if (url === null || keyName === null || tokenFile === null) {
      this.problem(`${name}_URL, ${name}_KEY and ${name}_TOKEN_FILE belong together: set all three`);
      return null;
    }
    this.#readFile(`${name}_TOKEN_FILE`, tokenFile);
    const { protocol, hostname, search, username } = new URL(url);
    if (protocol === "http:" && !LOOPBACK.has(hostname))
      this.problem(`${name}_URL must start with https:// unless it is on this machine`);
    if (search !== "" || username !== "")
      this.problem(`${name}_URL must be where the engine is mounted, as in https://vault:8200/v1/transit`);
    return { url: url.replace(/\/+$/, ""), keyName, tokenFile };
  }

  checkMasterKey(name: string, isRequired: boolean): void {
    const direct = this.text(name);
    const file = this.text(`${name}_FILE`);
    if (direct !== null && file !== null) this.problem(`give ${name} or ${name}_FILE, not both`);
    if (file !== null) this.#readFile(`${name}_FILE`, file);
    if (direct === null && file === null && isRequired) {
      this.problem(
        `${name} or ${name}_FILE is required with KEYBRAKE_DATABASE_URL: 32 random bytes in base64`,
      );
    }
    if (direct !== null && !isWrapped(direct) && Buffer.from(direct, "base64").length !== 32) {
      this.problem(`${name} must be 32 bytes in base64`);
    }
  }

  /** A table of figures from the file that `name` names, else from the data directory, else the built-in one. */
  table<T extends object>(
    name: string,
    defaultFile: string,
    builtIn: T,
    read: (text: string) => T | string,
  ): T {
    const given = this.text(name);
    const file = given ?? (existsSync(defaultFile) ? defaultFile : null);
    if (given === null && file !== null) this.sources.set(name, "file");
    const text = file === null ? null : this.#readFile(name, file);
    if (text === null) return builtIn;
    const table = read(text);
    if (typeof table !== "string") return table;
    this.problem(`${name}: the table \`${file}\` is not valid: ${table}`);
    return builtIn;
  }

  #readFile(name: string, file: string): string | null {
    try {
      if (SECRET_FILES.has(name) && (statSync(file).mode & 0o077) !== 0) {
        this.problem(`${name}: \`${file}\` can be read by others: chmod 600 it`);
      }
      return readFileSync(file, "utf8").trim();
    } catch {
      this.problem(`${name}: \`${file}\` cannot be read`);
      return null;
    }
  }
}

const rateFile = z.strictObject({
  as_of: z.iso.date(),
  usd_per: z.record(
    z.string().regex(/^[a-z]{3}$/, "currency codes have three lower-case letters"),
    z.string(),
  ),
  markup_bps: z.int().min(0).max(10_000).default(0),
  max_age_days: z.int().min(1).max(3_660).default(30),
});

function readJson<T>(text: string, parse: (json: unknown) => T | string[]): T | string {
  try {
    const table = parse(JSON.parse(text));
    return Array.isArray(table) ? table.join("; ") : table;
  } catch {
    return "it is no JSON";
  }
}

/** Reads `{as_of, usd_per: {eur: "1.136"}, markup_bps?, max_age_days?}`; a sentence when it is not that. */
export function readRateTable(text: string): RateTable | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return "it is no JSON";
  }
  const parsed = rateFile.safeParse(json);
  if (!parsed.success)
    return parsed.error.issues.map((issue) => `\`${issue.path.join(".")}\` ${issue.message}`).join("; ");
  const usdPer = new Map<string, { numerator: bigint; denominator: bigint }>();
  for (const [currency, text] of Object.entries(parsed.data.usd_per)) {
    const rate = parseRate(text);
    if (rate === null)
      return `\`usd_per.${currency}\` must be a positive decimal as a string, such as "1.136"`;
    usdPer.set(currency, rate);
  }
  return {
    asOf: parsed.data.as_of,
    usdPer,
    markupBps: BigInt(parsed.data.markup_bps),
    maxAgeDays: parsed.data.max_age_days,
  };
}
