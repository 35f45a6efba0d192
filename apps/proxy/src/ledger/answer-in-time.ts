import { KeybrakeError } from "@keybrake/core";

/** An agent waits this long at most, so that a lost database is a 503 within a second, on a busy machine, too. */
const WAIT_MS_MAX = 850;

/** The store's answer, or a rejection with `ledger_unavailable` when it fails or takes longer than an agent may wait. */
export async function answerInTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new KeybrakeError("ledger_unavailable")), WAIT_MS_MAX);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    throw new KeybrakeError("ledger_unavailable", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
