import type { VendorName } from "@keybrake/core";
import type { z } from "zod";
import type { Parameters } from "./request-encoding.ts";

/** A tool before it belongs to an agent. */
export interface ToolSpec {
  readonly name: string;
  readonly vendor: VendorName;
  /** The operation of the vendor's catalogue. */
  readonly operation: string;
  /** What it does, for the model; what it costs is added from the catalogue. */
  readonly description: string;
  readonly schema: z.ZodObject;
  /** From the tool's arguments to the vendor's own parameters; the same names when absent. */
  readonly toParameters?: (args: Parameters) => Parameters;
}
