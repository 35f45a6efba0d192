import { type PolicyDocument, parsePolicy, policySchema } from "@keybrake/core";
import { z } from "zod";

/** A value whose lists and objects may be constants. */
type Immutable<Value> = Value extends object
  ? { readonly [Key in keyof Value]: Immutable<Value[Key]> }
  : Value;

/** A policy in a request: read by the policy engine itself, so that its problems are told in its own words. */
export const policyInput = z
  .custom<Immutable<PolicyDocument>>(() => true)
  .check((context) => {
    const parsed = parsePolicy(context.value);
    if (!("problems" in parsed)) return;
    for (const problem of parsed.problems) {
      const [, field, message] = /^`([^`]+)`: (.*)$/s.exec(problem) ?? [];
      const path = field === undefined ? [] : field.split(".");
      context.issues.push({ code: "custom", message: message ?? problem, path, input: undefined });
    }
  })
  .meta({ schema: { $ref: "#/components/schemas/Policy" } });

/** A policy in an answer: the document as it was accepted. */
export const policySchemaOfAnswers = policySchema.meta({ id: "Policy" });
