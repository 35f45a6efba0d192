/**
 * Runs something again and again, never two at once and at most `everyMs` apart; returns how to stop it. What it
 * rejects with is told, and the next round comes all the same.
 */
export function repeat(
  everyMs: number,
  run: () => Promise<unknown>,
  onError: (error: unknown) => void,
): () => void {
  let isRunning = false;
  const timer = setInterval(() => {
    if (isRunning) return;
    isRunning = true;
    void run()
      .catch(onError)
      .finally(() => {
        isRunning = false;
      });
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
