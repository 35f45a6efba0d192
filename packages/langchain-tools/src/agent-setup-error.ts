/**
 * The program is set up wrongly: a variable is missing, or holds what cannot be used. Nothing was sent. The message
 * never has a value in it, because a credential may stand in the wrong variable.
 */
export class AgentSetupError extends Error {
  override readonly name = "AgentSetupError";

  constructor(message: string) {
    super(`keybrake: ${message}`);
    markNotRetryable(this);
  }
}

/** LangChain's own mark (`stampRetryable`), by which its retry middleware leaves an error alone. */
export function markNotRetryable(error: Error): void {
  Object.defineProperty(error, Symbol.for("langchain.errors.retryable"), {
    value: false,
    configurable: true,
  });
}
