/** Calls that are remembered; far more than a run makes. */
const CALLS_MAX = 2_000;

/**
 * Calls to vendors that know no idempotency keys, as this process has made them: a second execution of the same call
 * gets the first one's end, good or bad, unless that was without effect.
 */
export class Executions<Value> {
  readonly #calls = new Map<string, Promise<Value>>();
  readonly #isWithoutEffect: (value: Value) => boolean;

  constructor(isWithoutEffect: (value: Value) => boolean) {
    this.#isWithoutEffect = isWithoutEffect;
  }

  /** Makes the call, or gives what came of it before. `canRepeat` says which rejections prove that nothing was sent. */
  async once(
    key: string,
    make: () => Promise<Value>,
    canRepeat: (error: unknown) => boolean,
  ): Promise<Value> {
    const known = this.#calls.get(key);
    if (known !== undefined) return known;
    const made = make();
    remember(this.#calls, key, made);
    try {
      if (this.#isWithoutEffect(await made)) this.#calls.delete(key);
    } catch (error) {
      if (canRepeat(error)) this.#calls.delete(key);
    }
    return made;
  }
}

/** Calls whose outcome nobody knows, by their content, with the idempotency key under which they were made. */
export class OpenCalls {
  readonly #keys = new Map<string, string>();

  /** The key under which a repetition of the call is the same call; null when there is nothing open. */
  find(content: string): string | null {
    return this.#keys.get(content) ?? null;
  }

  /** Remembers how a call ended. */
  learn(content: string, key: string, isOpen: boolean): void {
    if (isOpen) remember(this.#keys, content, key);
    else if (this.#keys.get(content) === key) this.#keys.delete(content);
  }
}

function remember<Value>(map: Map<string, Value>, name: string, value: Value): void {
  const [first] = map.keys();
  if (first !== undefined && map.size >= CALLS_MAX) map.delete(first);
  map.set(name, value);
}
