/**
 * Looks for a real credential in bytes that are about to leave: as it is, and in the encodings that a vendor, a proxy
 * or an error page might put it into. The credential itself is not kept, only the needles.
 */
export class LeakGuard {
  static readonly #guards = new WeakMap<Buffer, LeakGuard>();
  readonly #needles: readonly Buffer[];

  /** The guard of a credential, made once for as long as the credential's buffer lives. */
  static of(credential: Buffer): LeakGuard {
    const known = LeakGuard.#guards.get(credential);
    if (known !== undefined) return known;
    const guard = new LeakGuard(credential);
    LeakGuard.#guards.set(credential, guard);
    return guard;
  }

  private constructor(credential: Buffer) {
    const texts = new Set<string>([
      credential.toString("latin1"),
      credential.toString("hex"),
      credential.toString("hex").toUpperCase(),
      percentEncoded(credential, false),
      percentEncoded(credential, true),
      jsonEscaped(credential),
      ...[0, 1, 2].flatMap((shift) => base64Core(credential, shift)),
    ]);
    this.#needles = [...texts].map((text) => Buffer.from(text, "latin1"));
  }

  /** The longest needle less one: what a stream must remember of its last chunk. */
  get overlapBytes(): number {
    return Math.max(...this.#needles.map((needle) => needle.length)) - 1;
  }

  finds(bytes: Buffer): boolean {
    return this.#needles.some((needle) => bytes.includes(needle));
  }
}

function percentEncoded(bytes: Buffer, isUpper: boolean): string {
  const hex = (byte: number) => byte.toString(16).padStart(2, "0");
  return [...bytes].map((byte) => `%${isUpper ? hex(byte).toUpperCase() : hex(byte)}`).join("");
}

function jsonEscaped(bytes: Buffer): string {
  return [...bytes].map((byte) => `\\u${byte.toString(16).padStart(4, "0")}`).join("");
}

/** Base64 of the bytes at one of three alignments, less the characters that depend on their neighbors. */
function base64Core(bytes: Buffer, shift: number): string[] {
  const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
    .toString("base64")
    .replaceAll("=", "");
  const core = encoded.slice(shift === 0 ? 0 : shift + 1, -1);
  return [core, core.replaceAll("+", "-").replaceAll("/", "_")];
}
