import { AsyncLocalStorage } from "node:async_hooks";
import { AGENT_ID, AGENT_VARIABLES, type Refusal } from "@keybrake/client";
import type { VendorName } from "@keybrake/core";
import { AgentSetupError } from "./agent-setup-error.ts";

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Who acts: an agent, the run of its crew, and the tool call of the model in which it acts. */
export interface AgentIdentity {
  readonly agentId: string;
  readonly crewRunId?: string | undefined;
  /** The same for every execution of one tool call, so that a repeated execution can be told from a second call. */
  readonly toolCallId?: string | undefined;
}

/** A refusal, and whose API was called; null when nobody knows. */
export interface Refused {
  readonly vendor: VendorName | null;
  readonly refusal: Refusal;
}

/** One execution of a tool: who acts in it, and what has happened in it so far. */
export class AgentScope {
  readonly identity: AgentIdentity;
  /** What the last call to a vendor was refused with; null when it was not. */
  lastRefused: Refused | null = null;
  /** How often each request was made, by its content. */
  readonly #counts = new Map<string, number>();
  readonly #ordinals = new Map<string, number>();

  constructor(identity: AgentIdentity) {
    this.identity = identity;
  }

  /**
   * Says that this is the n-th request with this content, counted from 0. `attempt` names a request that an SDK repeats
   * by itself: its repetitions are the same request.
   */
  ordinal(content: string, attempt: string): number {
    const known = this.#ordinals.get(attempt);
    if (known !== undefined) return known;
    const next = this.#counts.get(content) ?? 0;
    this.#counts.set(content, next + 1);
    this.#ordinals.set(attempt, next);
    return next;
  }
}

const scopes = new AsyncLocalStorage<AgentScope>();
// A header takes nothing else, and a run must have one name everywhere.
const CREW_RUN_ID = /^[A-Za-z0-9][\x20-\x7e]{0,199}$/;

/** Runs `work` as an agent: helpers such as `keybrakeFetch` use its key and name it and its run, however deep inside. */
export function withAgent<Result>(identity: AgentIdentity, work: () => Result): Result {
  return runInScope(new AgentScope(checkIdentity(identity)), work);
}

/** The same with a scope that the caller keeps, to see afterwards what happened. */
export function runInScope<Result>(scope: AgentScope, work: () => Result): Result {
  return scopes.run(scope, work);
}

/** The scope in which the caller runs; null outside of any agent. */
export function currentScope(): AgentScope | null {
  return scopes.getStore() ?? null;
}

/** The run named by the environment, for programs that serve one run. */
export function environmentRunId(environment: Environment): string | undefined {
  return environment[AGENT_VARIABLES.crewRunId]?.trim() || undefined;
}

/** Gives the identity back, or throws an `AgentSetupError` that says what is wrong with it. */
export function checkIdentity(identity: AgentIdentity): AgentIdentity {
  if (!AGENT_ID.test(identity.agentId))
    throw new AgentSetupError(
      `\`${identity.agentId}\` is no agent id: use letters, digits and \`._:-\`, such as \`billing_agent\``,
    );
  if (identity.crewRunId !== undefined && !CREW_RUN_ID.test(identity.crewRunId))
    throw new AgentSetupError(
      "the run id must be 1 to 200 ASCII characters that start with a letter or a digit",
    );
  return identity;
}
