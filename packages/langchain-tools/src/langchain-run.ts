import { currentScope } from "./agent-scope.ts";

/** What a tool or a middleware is told of the run around it, as far as it matters here. */
export interface RunConfig {
  readonly configurable?: Readonly<Record<string, unknown>> | undefined;
  readonly context?: unknown;
}

/**
 * The crew's run: `configurable.crew_run_id`, which LangGraph hands on to every sub-agent however it is called, then the
 * run's context, then the agent around. Undefined = the environment's.
 */
export function crewRunIdOf(config: RunConfig | undefined): string | undefined {
  const { context } = config ?? {};
  return (
    readText(config?.configurable?.["crew_run_id"]) ??
    readText(isRecord(context) ? context["crew_run_id"] : undefined) ??
    currentScope()?.identity.crewRunId
  );
}

function readText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
