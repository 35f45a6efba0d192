import { v7 as uuidV7 } from "uuid";
import { CrewError } from "./crew-error.ts";

/** As the admin API takes it, and in ASCII alone, because it also stands in a header. */
const CREW_RUN_ID = /^[A-Za-z0-9][\x20-\x7e]{0,199}$/;

/** The run's id: the given one, or a new UUID whose order is that of time. Throws a CrewError. */
export function readCrewRunId(given: string | undefined): string {
  if (given === undefined) return uuidV7();
  if (CREW_RUN_ID.test(given)) return given;
  throw new CrewError("run_id_invalid", [
    "the run's id must be 1 to 200 printable ASCII characters, and start with a letter or a digit",
  ]);
}
