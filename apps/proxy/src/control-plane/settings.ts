import type { Settings } from "@keybrake/client/contract";
import { type CredentialMode, USD_ONLY, VENDOR_NAMES, type VendorName } from "@keybrake/core";
import { type Config, paceVariable, type SettingSource } from "../config.ts";
import type { Database } from "../ledger/database.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";

/** What the server was started with, as far as it may be shown. */
export interface SettingsParts {
  readonly config: Config;
  /** Where agents reach the data plane. */
  readonly dataUrl: string;
  readonly version: string;
  /** Whether the server's role owns the audit log's tables. */
  readonly isOwner: boolean;
  /** How fast a secret without a pace of its own is used; null = no pace. */
  readonly paceOf: (vendor: VendorName, mode: CredentialMode) => number | null;
}

const FACTS = `
  SELECT current_setting('server_version') AS version,
    to_char((date_trunc('month', ledger_day()::timestamp) + interval '1 month'), 'YYYY-MM-DD"T00:00:00.000Z"') AS resets_at,
    (SELECT w.reserved + w.settled FROM budgets b JOIN budget_windows w ON w.budget_id = b.id
       AND w.window_start = window_start(b.time_window, ledger_day())
     WHERE b.scope = 'installation' AND b.unit = 'requests' AND b.time_window = 'monthly' AND b.deleted_at IS NULL) AS used`;
const REPLICAS = `
  SELECT name, version, started_at FROM replicas
  WHERE stopped_at IS NULL AND lease_until > clock_timestamp() ORDER BY epoch LIMIT 1000`;

/** The operation that shows what is in force. The tables and numbers of a configuration are shown, no address is. */
export function mountSettings(api: AdminApi, database: Database, parts: SettingsParts): void {
  const known = describeStart(parts);
  mount(api, "getSettings", async () => {
    const [facts] = await database.query(FACTS);
    const replicas = await database.query(REPLICAS);
    const used = facts?.["used"] as bigint | null;
    return reply(200, {
      ...known,
      replicas: replicas.map((row) => ({
        name: row["name"] as string,
        version: row["version"] as string,
        started_at: (row["started_at"] as Date).toISOString(),
      })),
      database: {
        ...known.database,
        version: String(facts?.["version"]).split(" ")[0] ?? "",
      },
      monthly_request_limit: {
        ...known.monthly_request_limit,
        used: known.monthly_request_limit.value === null ? null : Number(used ?? 0n),
        resets_at: facts?.["resets_at"] as string,
      },
    });
  });
}

type StartSettings = Omit<Settings, "replicas" | "database" | "monthly_request_limit"> & {
  readonly database: Omit<Settings["database"], "version">;
  readonly monthly_request_limit: Omit<Settings["monthly_request_limit"], "used" | "resets_at">;
};

/** All that does not change while the server runs. The configuration itself, which has secrets in it, is not kept. */
function describeStart({ config, dataUrl, version, isOwner, paceOf }: SettingsParts): StartSettings {
  const isBuiltIn = config.rates === USD_ONLY;
  const upstreamOf = (vendor: VendorName): Settings["vendors"][number]["upstream"] => {
    if (config.upstreamUrls[vendor] !== null) return "other";
    return config.isSandbox ? "sandbox" : "vendor";
  };
  return {
    version,
    replica: config.replicaName,
    database: {
      kind: config.databaseUrl === null ? "embedded" : "postgresql",
      restricted_role: !isOwner,
    },
    redis: config.redisUrl !== null,
    sandbox: config.isSandbox,
    data_plane_url: settingOf(config, "KEYBRAKE_DATA_URL", dataUrl),
    retention_days: settingOf(config, "KEYBRAKE_RETENTION_DAYS", config.retentionDays),
    monthly_request_limit: settingOf(config, "KEYBRAKE_MONTHLY_REQUEST_LIMIT", config.monthlyRequestLimit),
    vendors: VENDOR_NAMES.map((vendor) => ({
      vendor,
      upstream: upstreamOf(vendor),
      requests_per_second: {
        ...settingOf(config, paceVariable(vendor), config.vendorRequestsPerSecond[vendor]),
        live: paceOf(vendor, "live"),
        test: paceOf(vendor, "test"),
      },
    })),
    currency_rates: {
      ...originOf(config, "KEYBRAKE_RATES_FILE"),
      as_of: isBuiltIn ? null : config.rates.asOf,
      max_age_days: isBuiltIn ? null : config.rates.maxAgeDays,
      markup_bps: Number(config.rates.markupBps),
      currencies: [...config.rates.usdPer.keys()].filter((currency) => currency !== "usd").sort(),
    },
    price_tables: [
      {
        vendor: "twilio",
        ...originOf(config, "KEYBRAKE_TWILIO_PRICES_FILE"),
        as_of: config.prices.twilio.asOf,
      },
      {
        vendor: "resend",
        ...originOf(config, "KEYBRAKE_RESEND_PRICES_FILE"),
        as_of: config.prices.resend.asOf,
      },
    ],
    checkpoint_file: settingOf(config, "KEYBRAKE_CHECKPOINT_FILE", config.checkpointFile !== null),
    reconcile_hour: settingOf(config, "KEYBRAKE_RECONCILE_HOUR", config.reconcileHour),
    follow_up_seconds: settingOf(config, "KEYBRAKE_FOLLOW_UP_SECONDS", config.followUpSeconds),
    alert_private_hosts: settingOf(config, "KEYBRAKE_ALERT_PRIVATE_HOSTS", [...config.alertPrivateHosts]),
  };
}

function settingOf<Value>(config: Config, variable: string, value: Value) {
  return { value, ...originOf(config, variable) };
}

function originOf(config: Config, variable: string): { source: SettingSource; variable: string } {
  return { source: config.sources.get(variable) ?? "default", variable };
}
