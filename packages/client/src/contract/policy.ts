import { type PolicyDocument, parsePolicy, policySchema } from "@keybrake/core";
import { z } from "zod";

/** A value whose lists and objects may be constants. */
export type Immutable<Value> = Value extends object
  ? { readonly [Key in keyof Value]: Immutable<Value[Key]> }
  : Value;

/** A policy in a request: read by the policy engine itself, so that its problems are told in its own words. */
export const policyInput = z
  .custom<Immutable<PolicyDocument>>(() => true)
  .check(({ value, issues }) => {
    issues.push(...listPolicyIssues(value));
  })
  .meta({ schema: { $ref: "#/components/schemas/Policy" } });

/** Everything that the policy engine finds wrong with a document, as issues of a schema. */
export function listPolicyIssues(document: unknown) {
  const parsed = parsePolicy(document);
  if (!("problems" in parsed)) return [];
  return parsed.problems.map((problem) => {
    const [, field, message] = /^`([^`]+)`: (.*)$/s.exec(problem) ?? [];
    const path = field === undefined ? [] : field.split(".");
    return { code: "custom" as const, message: message ?? problem, path, input: undefined };
  });
}

/** A policy in an answer: the document as it was accepted. */
export const policySchemaOfAnswers = policySchema.meta({ id: "Policy" });
