/** A way in which a program may write down the same bytes, and what to look for. */
export interface SecretForm {
  readonly name: string;
  readonly needle: string;
  /** Whether capitals mean nothing in it. */
  readonly ignoresCase: boolean;
}

/**
 * Every form in which a secret could stand in an output: as it is, in hex, percent-encoded, escaped as in JSON, and in
 * base64 and base64url at each of the three places that its first byte can have in a group. Made independently of the
 * program's own search, which it checks.
 */
export function formsOf(secret: Buffer): readonly SecretForm[] {
  const text = secret.toString("latin1");
  const hex = secret.toString("hex");
  const percent = hex.replace(/../g, "%$&");
  const unicode = hex.replace(/../g, "\\u00$&");
  const forms: SecretForm[] = [
    { name: "raw", needle: text, ignoresCase: false },
    { name: "hex", needle: hex, ignoresCase: true },
    { name: "percent-encoded", needle: percent, ignoresCase: true },
    { name: "percent-encoded where needed", needle: encodeURIComponent(text), ignoresCase: true },
    { name: "JSON-escaped", needle: unicode, ignoresCase: true },
    { name: "JSON-escaped where needed", needle: JSON.stringify(text).slice(1, -1), ignoresCase: false },
  ];
  for (const before of [0, 1, 2]) {
    for (const encoding of ["base64", "base64url"] as const) {
      const needle = base64Middle(secret, before, encoding);
      forms.push({ name: `${encoding} behind ${before} bytes`, needle, ignoresCase: false });
    }
  }
  return forms;
}

/** The characters of base64 that depend on the secret alone, wherever it stands in a longer text. */
function base64Middle(secret: Buffer, before: number, encoding: "base64" | "base64url"): string {
  const variants = [0x00, 0xff].map((filler) => {
    const padded = Buffer.concat([Buffer.alloc(before, filler), secret, Buffer.alloc(3, filler)]);
    return padded.toString(encoding);
  });
  const [first = "", second = ""] = variants;
  const same = [...first].map((character, index) => character === second[index]);
  return first.slice(same.indexOf(true), same.lastIndexOf(true) + 1);
}

/** A place in which a secret was found. */
export interface Leak {
  readonly secret: string;
  readonly form: string;
  readonly where: string;
}

/** Looks for secrets in outputs. */
export class SecretScanner {
  readonly #secrets: readonly (readonly [name: string, forms: readonly SecretForm[]])[];

  constructor(secrets: Readonly<Record<string, Buffer>>) {
    this.#secrets = Object.entries(secrets).map(([name, secret]) => [name, formsOf(secret)]);
  }

  /** Everything that is found in one output; bytes are read one character each. */
  find(where: string, output: string | Buffer): Leak[] {
    const text = typeof output === "string" ? output : output.toString("latin1");
    const folded = text.toLowerCase();
    return this.#secrets.flatMap(([secret, forms]) =>
      forms
        .filter(({ needle, ignoresCase }) =>
          ignoresCase ? folded.includes(needle.toLowerCase()) : text.includes(needle),
        )
        .map(({ name }) => ({ secret, form: name, where })),
    );
  }
}
