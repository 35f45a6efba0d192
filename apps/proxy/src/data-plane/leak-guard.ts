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
    // Of a name and a secret together (Twilio's `SK…:secret`) the secret alone opens as much.
    const colon = credential.indexOf(":");
    const parts = colon === -1 ? [credential] : [credential, credential.subarray(colon + 1)];
    this.#needles = parts.flatMap((part) => needlesOf(part));
  }

  /** The longest needle less one: what a stream must remember of its last chunk. */
  get overlapBytes(): number {
    return Math.max(...this.#needles.map((needle) => needle.length)) - 1;
  }

  finds(bytes: Buffer): boolean {
    return this.#needles.some((needle) => bytes.includes(needle));
  }
}

function needlesOf(secret: Buffer): readonly Buffer[] {
  const text = secret.toString("latin1");
  const hex = secret.toString("hex");
  // Twice where capitals mean nothing, and with only those characters escaped that have to be, as most programs do.
  const texts = new Set<string>([
    text,
    hex,
    hex.toUpperCase(),
    hex.replace(/../g, "%$&"),
    hex.toUpperCase().replace(/../g, "%$&"),
    hex.replace(/../g, "\\u00$&"),
    hex.toUpperCase().replace(/../g, "\\u00$&"),
    encodeURIComponent(text),
    encodeURIComponent(text).replace(/%../g, (match) => match.toLowerCase()),
    JSON.stringify(text).slice(1, -1),
    ...[0, 1, 2].flatMap((shift) => base64Core(secret, shift)),
  ]);
  return [...texts].map((needle) => Buffer.from(needle, "latin1"));
}

/** Base64 of the bytes at one of three alignments, less the characters that depend on their neighbors. */
function base64Core(bytes: Buffer, shift: number): string[] {
  const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
    .toString("base64")
    .replaceAll("=", "");
  const core = encoded.slice(shift === 0 ? 0 : shift + 1, -1);
  return [core, core.replaceAll("+", "-").replaceAll("/", "_")];
}
