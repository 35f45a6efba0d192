import type { AgentRequest } from "./agent-call.ts";
import type { World } from "./world.ts";

const ENDPOINTS = {
  create: "POST /v1/payment_intents",
  capture: "POST /v1/payment_intents/*/capture",
  cancel: "POST /v1/payment_intents/*/cancel",
  confirm: "POST /v1/payment_intents/*/confirm",
  refund: "POST /v1/refunds",
} as const;

/** Everything that agents ask for on purpose. */
export const ALL_ENDPOINTS: readonly string[] = Object.values(ENDPOINTS);

const WHAT = {
  create: 60,
  create_and_hold: 12,
  capture: 8,
  cancel: 5,
  confirm: 6,
  refund: 8,
  stray: 2,
} as const;

/** What an agent asks next: something new, the same again, or something else under a key that it used. */
export function chooseRequest(world: World): AgentRequest | null {
  const { random, calls, observer } = world;
  // A key that was issued may have been forgotten in a power cut.
  const statuses = new Map(observer.seen.keys.map(({ id, status }) => [id, status]));
  const known = world.keys.filter(({ id }) => statuses.has(id));
  const active = known.filter(({ id }) => statuses.get(id) === "active");
  const keys = active.length > 0 && random.chance(0.9) ? active : known;
  if (keys.length === 0) return null;
  if (calls.length > 0 && random.chance(0.22)) {
    const earlier = random.pick(calls.slice(-8)).request;
    if (earlier.idempotencyKey !== null) return random.chance(0.85) ? earlier : changed(world, earlier);
  }
  const { vaultKey } = random.pick(keys);
  const { method, path, body } = chooseOperation(world);
  const idempotencyKey = random.chance(0.7) ? `k${calls.length + 1}` : null;
  return { vaultKey, method, path, body, idempotencyKey };
}

function changed(world: World, earlier: AgentRequest): AgentRequest {
  return { ...earlier, body: `${earlier.body}&description=${world.random.between(1, 9)}` };
}

function chooseOperation({ random, vendor }: World): Pick<AgentRequest, "method" | "path" | "body"> {
  const what = random.weighted(WHAT);
  const ids = [...vendor.objects.values()]
    .filter(({ kind }) => kind === "payment_intent")
    .map(({ id }) => id);
  const post = (path: string, body = "") => ({ method: "POST", path, body });
  if (what === "stray") return post("/v1/payouts", "amount=100&currency=usd");
  if (what === "create" || what === "create_and_hold" || ids.length === 0) {
    const how =
      what === "create"
        ? "confirm=true"
        : random.pick(["confirm=true&capture_method=manual", "confirm=false"]);
    return post("/v1/payment_intents", `amount=${random.between(1, 30) * 100}&currency=usd&${how}`);
  }
  const id = random.pick(ids.slice(-5));
  const amount = random.between(1, 15) * 100;
  if (what === "refund")
    return post("/v1/refunds", `payment_intent=${id}${random.chance(0.5) ? `&amount=${amount}` : ""}`);
  const body = what === "capture" && random.chance(0.5) ? `amount_to_capture=${amount}` : "";
  return post(`/v1/payment_intents/${id}/${what}`, body);
}
