import { createSecretKey } from "node:crypto";
import { replayIntents } from "../../src/ledger/intent-journal.ts";
import { openInstallKeys } from "../../src/secrets/install-keys.ts";
import { createKeyRing } from "../../src/secrets/key-ring.ts";
import { openSecretStore } from "../../src/secrets/secret-store.ts";
import { AgentCall, type AgentRequest } from "./agent-call.ts";
import { type Network, SimulatedConnection } from "./connection.ts";
import { Observer } from "./observer.ts";
import { callIdNow, type Installation, SimulatedReplica } from "./replica.ts";
import { Scheduler } from "./scheduler.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { SimulatedDatabase } from "./simulated-database.ts";
import { SimulatedTime } from "./simulated-time.ts";
import { SimulatedVendor } from "./vendor.ts";
import { SimulatedWire } from "./wire.ts";

/** The real credential of every simulated installation, and the name under which it is stored. */
export const CREDENTIAL = "sk_live_simulated00000000000000000000";
export const SECRET_NAME = "simulated";

/** A vault key that an agent of this seed holds. */
export interface HeldKey {
  readonly id: string;
  readonly vaultKey: string;
  readonly agentId: string;
}

/** The database of all histories, with what an installation has before its first key. */
export interface Ground {
  readonly database: SimulatedDatabase;
  readonly installation: Installation;
  readonly secretId: string;
}

/** Makes the ground, once a process: partitions for the simulated months, keys of the installation, one secret. */
export async function prepareGround(database: SimulatedDatabase, startMs: number): Promise<Ground> {
  const time = new SimulatedTime(startMs);
  try {
    return await makeGround(database);
  } finally {
    time.end();
  }
}

async function makeGround(database: SimulatedDatabase): Promise<Ground> {
  const direct = database.direct;
  await direct.query("SELECT ensure_partitions(2)");
  const keyRing = createKeyRing(Buffer.alloc(32, 7));
  const keys = await openInstallKeys(direct, keyRing);
  const secrets = openSecretStore(direct, keyRing, keys.installationId);
  const secret = {
    name: SECRET_NAME,
    vendor: "stripe",
    value: CREDENTIAL,
    accountId: null,
    mode: "live",
  } as const;
  const created = await secrets.create(secret);
  if (created === null) throw new TypeError("the simulated secret is there already");
  const installation = {
    id: keys.installationId,
    keyRing,
    pepper: createSecretKey(keys.pepper),
    idempotencySecret: createSecretKey(keys.idempotencySecret),
  };
  return { database, installation, secretId: created.id };
}

/** One simulated history: replicas, their database, the vendor, agents, and somebody who watches. */
export class World {
  readonly ground: Ground;
  readonly time: SimulatedTime;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly network: Network;
  readonly vendor = new SimulatedVendor((earlier, later) => this.observer.checkClash(earlier, later));
  readonly calls: AgentCall[] = [];
  readonly keys: HeldKey[] = [];
  replicas: SimulatedReplica[] = [];
  /** Replicas that do not serve yet. */
  starting = 0;
  #observer: Observer | null = null;
  #problem: unknown = null;
  /** From a power cut until the journal has been replayed: meanwhile the database knows less than was promised. */
  #isRecovering = false;
  #connections: SimulatedConnection[] = [];
  readonly #serving = new Map<AgentCall, SimulatedReplica>();
  #nextReplica = 1;

  constructor(ground: Ground, time: SimulatedTime, random: SeededRandom, isEmbedded: boolean) {
    this.ground = ground;
    this.time = time;
    this.random = random;
    this.scheduler = new Scheduler(random);
    this.network = { isDown: false, isCalm: false, isEmbedded };
  }

  get observer(): Observer {
    if (this.#observer === null) throw new TypeError("nobody watches yet");
    return this.#observer;
  }

  async watch(): Promise<void> {
    this.#observer = await Observer.open(this.ground.database, this.vendor);
  }

  /** Throws what was found in work that nobody waited for. */
  raise(): void {
    if (this.#problem !== null) throw this.#problem;
  }

  /** Does something in the background; only what the simulator finds ends the seed. */
  spawn(work: Promise<unknown>, onFailure: (error: unknown) => void = (error) => this.blame(error)): void {
    work.catch(onFailure);
  }

  /** Opens connections to the database as seen from one process. */
  connect(name: string): SimulatedConnection {
    const { scheduler, network } = this;
    const onExecuted = async () => {
      if (!this.#isRecovering) await this.#observer?.look();
    };
    return new SimulatedConnection(name, { scheduler, database: this.ground.database, network, onExecuted });
  }

  /** Starts one more replica; it serves when its statements have been answered. */
  startReplica(): void {
    const name = `r${this.#nextReplica++}`;
    // An embedded database is its process's own: nothing of an earlier one arrives any more.
    if (this.network.isEmbedded) for (const earlier of this.#connections) earlier.bury();
    const connection = this.connect(name);
    this.#connections.push(connection);
    const wire = new SimulatedWire(name, this.scheduler, this.vendor, {
      callIdNow,
      judgeSend: (callId) => this.observer.judgeSend(callId),
    });
    this.starting++;
    const start = async () => {
      if (this.network.isEmbedded)
        await connection.query("UPDATE replicas SET stopped_at = now() WHERE stopped_at IS NULL");
      const replica = await SimulatedReplica.start(name, connection, wire, this.ground.installation);
      if (this.network.isEmbedded) await this.#replay(connection, replica);
      this.replicas.push(replica);
    };
    const end = () => {
      this.starting--;
    };
    // One that cannot reach its database gives up, as the real one does.
    this.spawn(start().then(end, end));
  }

  /** An agent sends a request to some replica. */
  ask(request: AgentRequest): void {
    const replica = this.random.pick(this.replicas);
    const call = new AgentCall(this.calls.length + 1, request, (answered) => this.#check(answered));
    this.calls.push(call);
    const key = request.idempotencyKey === null ? "" : `, key ${request.idempotencyKey}`;
    this.scheduler.note(
      `agent asks ${replica.name}: #${call.number} ${request.method} ${request.path} ${request.body}${key}`,
    );
    this.#serving.set(call, replica);
    this.spawn(replica.serve(call));
  }

  /** A replica's process ends without warning. */
  crash(replica: SimulatedReplica): void {
    this.replicas = this.replicas.filter((other) => other !== replica);
    for (const call of this.calls) if (call.isOpen && this.#serving.get(call) === replica) call.cut();
    this.spawn(replica.crash());
  }

  /** The requests whose replica has lived until now. */
  get survived(): readonly AgentCall[] {
    return this.calls.filter((call) => this.#serving.get(call)?.isAlive);
  }

  /** Everything stops at once, and the database forgets what was not on its disk. Its journal remembers. */
  async cutPower(): Promise<void> {
    for (const replica of [...this.replicas]) this.crash(replica);
    for (const connection of this.#connections) connection.bury();
    this.#isRecovering = true;
    await this.ground.database.cutPower();
  }

  async #replay(connection: SimulatedConnection, replica: SimulatedReplica): Promise<void> {
    await replayIntents(connection, this.ground.database.journalDirectory, replica.epoch);
    if (this.#isRecovering) await this.observer.forget();
    this.#isRecovering = false;
  }

  #check(call: AgentCall): void {
    this.scheduler.note(
      `  … #${call.number} is answered ${call.answer?.status} ${call.answer?.body.slice(0, 70)}`,
    );
    try {
      this.observer.checkAnswer(call);
    } catch (error) {
      this.blame(error);
    }
  }

  /** Ends the history with what was found. */
  blame(error: unknown): void {
    this.#problem ??= error;
  }
}
