import { KeybrakeError } from "@keybrake/core";
import { type Database, sqlStateOf } from "../ledger/database.ts";

/** The server ended the statement, or has no room for it: the same as no answer. */
const BUSY = /^(?:53|57)/;

/** A database whose silence is a `ledger_unavailable` fault; errors that it answered with pass as they are. */
export function withUnavailable(database: Database): Database {
  return {
    kind: database.kind,
    query: async (text, values) => {
      try {
        return await database.query(text, values);
      } catch (error) {
        const state = sqlStateOf(error);
        if (state !== null && !BUSY.test(state)) throw error;
        throw new KeybrakeError("ledger_unavailable", { cause: error });
      }
    },
    script: (text) => database.script(text),
    listen: (channel, onPayload) => database.listen(channel, onPayload),
    close: () => database.close(),
  };
}
