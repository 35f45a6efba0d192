import { randomUUID } from "node:crypto";
import { AIMessage } from "@langchain/core/messages";
import { type FakeBuiltModel, fakeModel } from "@langchain/core/testing";

/** One turn of a model: tool calls, or its last word. */
export type Turn = string | readonly ToolUse[];

/** A tool call that the model makes. */
export interface ToolUse {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly id?: string;
}

/**
 * A model that says what it is told to, turn by turn. Its messages get no ids: those that `respondWithTools` gives
 * collide when two models meet in one graph, and then a tool is silently not run.
 */
export function scriptedModel(...turns: readonly Turn[]): FakeBuiltModel {
  const model = fakeModel();
  for (const turn of turns) {
    model.respond(() =>
      typeof turn === "string"
        ? new AIMessage(turn)
        : new AIMessage({
            content: "",
            tool_calls: turn.map(({ name, args, id = `call_${randomUUID()}` }) => ({
              name,
              args: { ...args },
              id,
              type: "tool_call" as const,
            })),
          }),
    );
  }
  return model;
}
