import type { AdminRole } from "@keybrake/core";
import { z } from "zod";
import type { ProblemCode } from "../problem.ts";

/** What one operation takes and gives. Null where it takes, or answers with, nothing. */
export interface Route {
  readonly summary: string;
  /** Whoever asks needs this role, or one that may do more; null = nobody has to be known yet. */
  readonly role: AdminRole | null;
  /**
   * What it changes, as the admin trail names it, and which fields of the body stand there; null = it only looks. The
   * target is the parameter of the path, else the field of the body that `target` names, else the new thing's id.
   */
  readonly change: {
    readonly action: string;
    readonly fields: readonly string[];
    readonly target?: string;
  } | null;
  /** A flag of the body that changes something where the operation otherwise only looks, and the role that it needs. */
  readonly elevation: { readonly flag: string; readonly role: AdminRole } | null;
  readonly params: z.ZodObject | null;
  readonly query: z.ZodObject | null;
  readonly body: z.ZodType | null;
  /** Whether a request without a body stands for an empty object. */
  readonly isBodyOptional: boolean;
  /** The answers of a success, by status. */
  readonly answers: Readonly<Record<number, AnswerSpec>>;
  /** The refusals of its own, besides those that every operation knows. */
  readonly problems: readonly ProblemCode[];
}

/** One answer: its JSON, and the other media types it also exists in. */
export interface AnswerSpec {
  readonly description: string;
  readonly schema: z.ZodType | null;
  readonly mediaTypes?: readonly string[];
}

/** The body of every refusal: RFC 9457 problem details with a `code`. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    problems: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: "Problem" });

/** The refusals that every operation of the admin API knows. */
export const COMMON_PROBLEMS = [
  "invalid_request",
  "unauthorized",
  "role_not_sufficient",
  "csrf_refused",
  "too_many_attempts",
  "internal",
  "ledger_unavailable",
] as const satisfies readonly ProblemCode[];
