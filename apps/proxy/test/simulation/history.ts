import { verifyAudit } from "../../src/ledger/audit-verify.ts";
import type { Database } from "../../src/ledger/database.ts";
import { chooseRequest } from "./agents.ts";
import type { Deafness } from "./connection.ts";
import { changeBudget, changePolicy, issueKey, revoke, turnKillSwitch } from "./operators.ts";
import type { Happening } from "./scheduler.ts";
import { SeededRandom } from "./seeded-random.ts";
import { SimulatedTime } from "./simulated-time.ts";
import { Violation } from "./violation.ts";
import { type Ground, World } from "./world.ts";

/** What the signatures say is tried elsewhere. */
const ANY_SIGNATURE = { isTombstoneSigned: () => true, isGapSigned: () => true };

/** Histories begin shortly before a month ends, so that days and months change in many of them. */
const MONTH_END = Date.UTC(2031, 1, 1);
const LEAD_MS_MAX = 90_000;
/** Before any history begins. */
export const GROUND_MS = MONTH_END - LEAD_MS_MAX;
const ACTIONS = { least: 30, most: 60 } as const;
const REPLICAS_MAX = 3;
/** How soon an outage ends, compared with everything else that can happen. */
const OUTAGE_WEIGHT = 0.3;
const DEAF_WEIGHT = 0.04;
/** A lease is ten seconds, renewed every two. */
const NEAR_LEASE_END_MS = [6_000, 9_800] as const;
const PAST_LEASE_END_MS = [500, 6_000] as const;
const CALLS_AT_LEASE_END = 3;
/** So that it often falls between a call's decision and its first byte. */
const LEASE_END_WEIGHT = 0.4;
/** The others have a database of their own. */
const EMBEDDED_SHARE = 0.25;
const ROUNDS_MAX = 4_000;
/** Longer than a call may be open, and than a lease. */
const SWEPT_AFTER_MS = 115_000;
/** Longer than any statement, answer or vendor may be waited for. */
const PATIENCE_MS = 85_000;
const SWEEP_MS = 5_500;

const MOVES = { something: 72, action: 22, time: 6 } as const;
const ACTION = {
  ask: 74,
  hang_up: 1,
  issue_key: 4,
  change_policy: 4,
  revoke: 1.5,
  kill_switch: 0.8,
  change_budget: 4,
  crash: 2.5,
  start: 4,
  outage: 2,
  muffle: 2,
  lose_renewals: 2,
  checkpoint: 2,
  cut_power: 2,
  clock_back: 0.7,
} as const;
const TIMES = { moment: 66, second: 16, seconds: 8, lease: 6, minutes: 3, hours: 1 } as const;
const TIME_MS: Readonly<Record<keyof typeof TIMES, readonly [number, number]>> = {
  moment: [1, 60],
  second: [100, 900],
  seconds: [1_000, 4_000],
  lease: [5_000, 13_000],
  minutes: [30_000, 130_000],
  hours: [3_600_000, 25 * 3_600_000],
};

/** Nothing can be learned while the kill switch is engaged, so it is lifted soon. */
const LIFTED = 0.3;

const HURRIED = 0.7;
/** Enough to lead back over midnight. */
const BACK_MS_MAX = 120_000;

/** What came of one seed. */
export interface History {
  readonly seed: number;
  readonly steps: readonly string[];
  readonly calls: number;
  readonly sent: number;
  /** What was broken; null = nothing. */
  readonly problem: Error | null;
}

/** Lives through one history. The same seed gives the same history, except for the names of things. */
export async function runHistory(ground: Ground, seed: number): Promise<History> {
  const random = new SeededRandom(seed);
  const isEmbedded = random.chance(EMBEDDED_SHARE);
  const time = new SimulatedTime(MONTH_END - random.between(0, LEAD_MS_MAX));
  const world = new World(ground, time, random, isEmbedded);
  let problem: Error | null = null;
  await ground.database.begin({ isEmbedded });
  try {
    await setScene(world);
    await live(world);
    await finish(world);
  } catch (error) {
    problem = error instanceof Error ? error : new Error(String(error));
  } finally {
    time.end();
    await ground.database.end();
  }
  const sent = world.vendor.received.length;
  return { seed, steps: world.scheduler.steps, calls: world.calls.length, sent, problem };
}

/** Keys, some budgets, and the first replicas. */
async function setScene(world: World): Promise<void> {
  const { random, ground } = world;
  const { direct } = ground.database;
  for (let key = random.between(1, 3); key > 0; key--) await issueKey(world, direct);
  for (let budget = random.between(0, 2); budget > 0; budget--) await changeBudget(world, direct);
  await ground.database.checkpoint();
  await world.watch();
  for (let replica = mostReplicas(world); replica > 0; replica--) world.startReplica();
  world.network.isCalm = true;
  await drain(world);
  world.network.isCalm = false;
}

async function live(world: World): Promise<void> {
  const { random, scheduler, time } = world;
  let actions = random.between(ACTIONS.least, ACTIONS.most);
  for (let round = 0; actions > 0 && round < ROUNDS_MAX; round++) {
    const move = random.weighted(MOVES);
    if (move === "time") await passTime(world);
    else {
      const happening = move === "something" ? scheduler.takeAny() : undefined;
      if (happening === undefined) {
        actions--;
        await act(world);
      } else await happen(world, happening);
    }
    await time.settle();
    world.raise();
  }
}

async function happen({ scheduler }: World, { what, happen }: Happening): Promise<void> {
  scheduler.note(what);
  await happen();
}

async function passTime({ random, scheduler, time }: World): Promise<void> {
  // While much is under way a longer wait would only let all of it time out.
  const isHurried = scheduler.pending > 2 && random.chance(HURRIED);
  const length = isHurried ? "moment" : random.weighted(TIMES);
  const [least, most] = TIME_MS[length];
  const ms = random.between(least, most);
  scheduler.note(`${ms} ms pass`);
  // What is longer than a lease is lived through by a machine that sleeps: each timer fires once.
  if (length === "minutes" || length === "hours") await time.sleep(ms);
  else await time.pass(ms);
}

async function act(world: World): Promise<void> {
  const { random, replicas, scheduler, network, observer } = world;
  const isLifted = observer.seen.isKilled && random.chance(LIFTED);
  const action = isLifted ? "kill_switch" : random.weighted(ACTION);
  if (replicas.length === 0 || action === "start") {
    if (replicas.length + world.starting < mostReplicas(world)) world.startReplica();
    return;
  }
  const request = action === "ask" ? chooseRequest(world) : null;
  if (request !== null) return world.ask(request);
  if (action === "hang_up") return world.calls.findLast(({ isOpen }) => isOpen)?.hangUp();
  if (action in OPERATIONS) return operate(world, action as keyof typeof OPERATIONS);
  scheduler.note(action.replace("_", " "));
  if (action === "crash") world.crash(random.pick(replicas));
  else if (action === "outage" && !network.isEmbedded) loseDatabase(world);
  else if (action === "muffle" && !network.isEmbedded) deafen(world, "all_but_flushes");
  else if (action === "lose_renewals" && !network.isEmbedded) await loseRenewals(world);
  else if (action === "checkpoint" && network.isEmbedded) await world.ground.database.checkpoint();
  else if (action === "clock_back") world.time.setBack(random.between(1_000, BACK_MS_MAX));
  else if (action === "cut_power" && network.isEmbedded) await world.cutPower();
}

function loseDatabase({ network, scheduler }: World): void {
  if (network.isDown) return;
  network.isDown = true;
  const back = () => {
    network.isDown = false;
  };
  scheduler.add("the database is back", back, OUTAGE_WEIGHT);
}

/** Calls are under way while a lease comes to its end that nobody could lengthen, and more come after that. */
async function loseRenewals(world: World): Promise<void> {
  const { random, scheduler, time } = world;
  const askSome = () => {
    for (let count = 0; count < CALLS_AT_LEASE_END && world.replicas.length > 0; count++) {
      const request = chooseRequest(world);
      if (request !== null) world.ask(request);
    }
  };
  deafen(world, "renewals");
  await time.pass(random.between(...NEAR_LEASE_END_MS));
  askSome();
  const wait = random.between(...PAST_LEASE_END_MS);
  const end = async () => {
    await time.pass(wait);
    askSome();
  };
  scheduler.add(`${wait} ms pass, and a lease may end`, end, LEASE_END_WEIGHT);
}

/** One replica cannot renew its lease, and goes on deciding. */
function deafen({ random, replicas, scheduler }: World, deafness: Deafness): void {
  const { connection, name } = random.pick(replicas);
  connection.deafTo = deafness;
  const back = () => {
    connection.deafTo = null;
  };
  scheduler.add(`${name} is heard again`, back, DEAF_WEIGHT);
}

const OPERATIONS = {
  issue_key: issueKey,
  change_policy: changePolicy,
  revoke,
  kill_switch: turnKillSwitch,
  change_budget: changeBudget,
} as const;

/** An operator asks some replica's control plane; what cannot be done now is told to the operator, and forgotten. */
function operate(world: World, name: keyof typeof OPERATIONS): void {
  const { connection, name: replica } = world.random.pick(world.replicas);
  world.scheduler.note(`operator, at ${replica}: ${name.replace("_", " ")}`);
  world.spawn(OPERATIONS[name](world, connection), (error) => {
    if (error instanceof Violation || error instanceof TypeError) world.blame(error);
  });
}

/** Nothing fails any more: everything must come to its end, and the books must balance. */
async function finish(world: World): Promise<void> {
  const { network, time, scheduler, calls, observer } = world;
  scheduler.note("everything calms down");
  Object.assign(network, { isDown: false, isCalm: true });
  if (world.replicas.length + world.starting === 0) world.startReplica();
  await drain(world);
  if (world.replicas.length === 0) world.startReplica();
  for (const wait of [PATIENCE_MS, SWEPT_AFTER_MS, SWEPT_AFTER_MS]) {
    await time.sleep(wait);
    await drain(world);
    // One renewal, and one sweep.
    await time.pass(SWEEP_MS);
    await drain(world);
  }
  const open = calls.find(({ isOpen }) => isOpen);
  if (open !== undefined) throw new Violation(`the agent of #${open.number} was never answered`);
  await observer.checkEnd(world.survived);
  await checkChain(world.ground.database.direct);
}

/** Lets everything happen that can, oldest first, until nothing is left. */
async function drain(world: World): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    await world.time.settle();
    world.raise();
    const happening = world.scheduler.takeOldest();
    if (happening === undefined) return;
    await happen(world, happening);
  }
  throw new Violation("the history does not come to an end");
}

async function checkChain(database: Database): Promise<void> {
  const { firstProblem } = await verifyAudit(database, ANY_SIGNATURE);
  if (firstProblem !== null) throw new Violation(`the audit chain is broken: ${firstProblem.problem}`);
}

function mostReplicas({ network }: World): number {
  return network.isEmbedded ? 1 : REPLICAS_MAX;
}
