import type { Refusal } from "@keybrake/client";
import type { VendorName } from "@keybrake/core";

/** What every outcome says: which agent called what, and the id of the call's audit row where there is one. */
interface CallFacts {
  readonly vendor: VendorName;
  readonly operation: string;
  readonly agentId: string;
  readonly callId: string | null;
}

/**
 * What came of a call.
 * `answered`: the vendor did it. `refused`: Keybrake did not let it pass, and the vendor saw nothing. `vendor_error`: the
 * vendor said no. `invalid`: no request could be made of the parameters. `failed`: there is no answer, and nothing has taken
 * effect. `unknown`: there is no answer, and it may have.
 */
export type CallOutcome = CallFacts &
  (
    | { readonly kind: "answered"; readonly status: number; readonly data: unknown }
    | { readonly kind: "refused"; readonly refusal: Refusal }
    | {
        readonly kind: "vendor_error";
        readonly status: number;
        readonly code: string | null;
        readonly message: string;
        readonly data: unknown;
      }
    | { readonly kind: "invalid" | "failed" | "unknown"; readonly reason: string }
  );

/** True for an outcome after which the vendor has certainly done nothing. */
export function isWithoutEffect(outcome: CallOutcome): boolean {
  return outcome.kind !== "answered" && outcome.kind !== "unknown";
}
