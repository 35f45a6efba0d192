/** What can be wrong with a crew's run before its program starts, or with its end. */
export type CrewErrorCode =
  | "crew_unreadable"
  | "manifest_unreadable"
  | "agents_unknown"
  | "variables_collide"
  | "run_id_invalid"
  | "data_url_invalid"
  | "data_plane_mismatch"
  | "dotenv_conflict"
  | "keys_not_revoked";

/** Says why a crew cannot run, or did not end well. `problems` lists everything that is wrong, one sentence each. */
export class CrewError extends Error {
  override readonly name = "CrewError";
  readonly code: CrewErrorCode;
  readonly problems: readonly string[];

  constructor(code: CrewErrorCode, problems: readonly string[], cause?: unknown) {
    super(problems.join("; "), cause === undefined ? {} : { cause });
    this.code = code;
    this.problems = problems;
  }
}
