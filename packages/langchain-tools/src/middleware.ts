import { ToolMessage } from "@langchain/core/messages";
import { AgentScope, checkIdentity, environmentRunId, type Refused, runInScope } from "./agent-scope.ts";
import { findRefusal, isBreach } from "./cap-breach.ts";
import { crewRunIdOf, type RunConfig } from "./langchain-run.ts";
import { refusalArtifact, refusalProblem } from "./tool-answer.ts";

/** A tool call as a middleware of `createAgent` sees it. */
export interface ToolCallRequest {
  readonly toolCall: { readonly id?: string | undefined; readonly name: string };
  readonly runtime: RunConfig;
}

/**
 * A middleware for `createAgent`, in the shape of LangChain's own; written out, so that this package needs no
 * `langchain` where only LangGraph is used.
 */
export interface KeybrakeMiddleware {
  readonly name: string;
  readonly wrapToolCall: <Request extends ToolCallRequest, Result>(
    request: Request,
    handler: (request: Request) => Result | Promise<Result>,
  ) => Promise<Result | ToolMessage>;
}

/**
 * For agents whose tools use the vendors' SDKs themselves (`stripeClient()`, `twilioClient()`, `resendClient()`,
 * `keybrakeFetch`): inside of each tool call these act as `agentId`, and a refusal becomes a `ToolMessage` with status
 * `error` that tells the model to stop. Put it last in the list, so that retry middlewares never see the refusal.
 */
export function keybrakeMiddleware(agentId: string): KeybrakeMiddleware {
  checkIdentity({ agentId });
  return {
    name: `keybrake:${agentId}`,
    wrapToolCall: async (request, handler) => {
      const crewRunId = crewRunIdOf(request.runtime) ?? environmentRunId(process.env);
      const scope = new AgentScope(checkIdentity({ agentId, crewRunId, toolCallId: request.toolCall.id }));
      return runInScope(scope, () => settle(scope, request, handler));
    },
  };
}

async function settle<Request extends ToolCallRequest, Result>(
  scope: AgentScope,
  request: Request,
  handler: (request: Request) => Result | Promise<Result>,
): Promise<Result | ToolMessage> {
  let result: Result;
  try {
    result = await handler(request);
  } catch (error) {
    const refusal = findRefusal(error);
    if (refusal === null) throw error;
    // What the call was answered with knows more than the error that an SDK made of it.
    const last = scope.lastRefused;
    return explain(request, scope, last?.refusal.code === refusal.code ? last : { vendor: null, refusal });
  }
  const last = scope.lastRefused;
  if (last === null || !ToolMessage.isInstance(result) || isOurs(result)) return result;
  if (result.status === "error") return explain(request, scope, last);
  // A tool that ends on a breach without throwing, as Resend's SDK lets it: its own words are kept.
  return isBreach(last.refusal) ? explain(request, scope, last, result.text) : result;
}

function explain(
  { toolCall }: ToolCallRequest,
  scope: AgentScope,
  { vendor, refusal }: Refused,
  toolResult?: string,
): ToolMessage {
  const problem = refusalProblem(vendor ?? "this vendor", refusal);
  return new ToolMessage({
    status: "error",
    tool_call_id: toolCall.id ?? "",
    name: toolCall.name,
    content: JSON.stringify(toolResult === undefined ? problem : { ...problem, tool_result: toolResult }),
    artifact: refusalArtifact(scope.identity.agentId, vendor, refusal),
  });
}

/** Tools of the toolkit say it themselves. */
function isOurs(message: ToolMessage): boolean {
  const artifact: unknown = message.artifact;
  return typeof artifact === "object" && artifact !== null && "agent_id" in artifact && "error" in artifact;
}
