import type { DemoKey } from "./demo-crew.ts";

/** What a person needs to know when the server is up. */
export interface Greeting {
  readonly dataUrl: string;
  readonly adminUrl: string;
  readonly mode: string;
  /** Set at the first start only; later it is in `adminTokenFile`. */
  readonly newAdminToken: string | null;
  readonly adminTokenFile: string | null;
  /** Logs a browser in, once. */
  readonly loginUrl: string;
  readonly crew: readonly DemoKey[];
}

/** The text that `npm start` prints: addresses, the demo crew's keys, and lines that work as pasted. */
export function renderBanner(greeting: Greeting): string {
  const lines = [
    "",
    "  Keybrake is up.",
    "",
    `  agents           ${greeting.dataUrl}`,
    `  operators        ${greeting.adminUrl}  (admin API at /api/v1, metrics at /metrics)`,
    `  console          ${greeting.loginUrl}  (logs in once, within ten minutes)`,
    `  mode             ${greeting.mode}`,
    ...renderToken(greeting),
  ];
  return [...lines, ...renderCrew(greeting), ""].join("\n");
}

function renderToken({ newAdminToken, adminTokenFile }: Greeting): string[] {
  if (newAdminToken !== null)
    return [`  admin token      ${newAdminToken}  (shown once; kept in ${adminTokenFile})`];
  return adminTokenFile === null ? [] : [`  admin token      in ${adminTokenFile}`];
}

function renderCrew({ crew, dataUrl }: Greeting): string[] {
  const billing = crew.find((key) => key.agent_id === "billing_agent");
  if (billing === undefined) return [];
  const url = new URL(dataUrl);
  return [
    "",
    "  demo crew (sandbox keys, no real money)",
    ...crew.map((key) => `    ${key.agent_id.padEnd(20)} ${key.vault_key}  for ${key.vendor}`),
    "",
    "  curl",
    `    curl ${dataUrl}/v1/payment_intents -u ${billing.vault_key}: -d amount=1000 -d currency=usd -d payment_method=pm_card_visa -d confirm=true`,
    "",
    "  stripe-node",
    `    new (require("stripe"))("${billing.vault_key}", { host: "${url.hostname}", port: ${url.port}, protocol: "http" }).paymentIntents.create({ amount: 1000, currency: "usd" }).then(console.log)`,
    "",
    "  stripe-python",
    `    import stripe; stripe.api_base = "${dataUrl}/stripe"; stripe.api_key = "${billing.vault_key}"; print(stripe.PaymentIntent.create(amount=1000, currency="usd"))`,
  ];
}
