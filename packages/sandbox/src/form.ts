/**
 * The parse of `application/x-www-form-urlencoded` text with bracketed names, as Rack (and so Stripe) reads it:
 * `a[b]=1`, `a[0][b]=1` and `a[][b]=1`; of a repeated scalar the last one counts.
 * Lists are hashes with the names "0", "1" …: only the reader of a parameter knows whether it is a list.
 */
export type FormNode = string | FormHash;

/** Named parts of a form, in the order in which they came. */
export type FormHash = Map<string, FormNode>;

/** The text is no form: bad percent-encoding, clashing names, or past a limit. */
export class FormError extends Error {
  override readonly name = "FormError";
}

const PAIRS_MAX = 1_000;
const DEPTH_MAX = 8;
const BRACKETED = /^[^[\]]+(?:\[[^[\]]*\])+$/;

/** Reads `text` into `form` (a new one unless given) and returns it. Throws {@link FormError}. */
export function parseForm(text: string, form: FormHash = new Map()): FormHash {
  if (text === "") return form;
  const pairs = text.split("&");
  if (pairs.length > PAIRS_MAX) throw new FormError(`more than ${PAIRS_MAX} parameters`);
  for (const pair of pairs) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    assign(form, name, equals < 0 ? "" : decode(pair.slice(equals + 1)));
  }
  return form;
}

function decode(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw new FormError("invalid percent-encoding");
  }
}

function assign(form: FormHash, name: string, value: string): void {
  const bracket = name.indexOf("[");
  // A name with stray brackets is no path; it stays one name, which no endpoint knows.
  if (bracket <= 0 || !isPath(name, bracket)) {
    put(form, name, value);
    return;
  }
  const path = name.slice(bracket + 1, -1).split("][");
  if (path.length >= DEPTH_MAX) throw new FormError(`parameters nested deeper than ${DEPTH_MAX}`);
  let hash = descend(form, name.slice(0, bracket), path[0] ?? "");
  for (let depth = 0; depth < path.length - 1; depth += 1) {
    hash = descend(hash, path[depth] ?? "", path[depth + 1] ?? "");
  }
  const last = path.at(-1) ?? "";
  put(hash, last === "" ? nextIndex(hash) : last, value);
}

/** Whether `name` is `a[b]`, `a[b][c]` … with its first bracket at `bracket`. */
function isPath(name: string, bracket: number): boolean {
  const isSingle = name.indexOf("]") === name.length - 1 && name.indexOf("[", bracket + 1) < 0;
  return isSingle || BRACKETED.test(name);
}

function put(hash: FormHash, name: string, value: string): void {
  if (typeof hash.get(name) === "object") {
    throw new FormError(`expected a string and not a hash for \`${name}\``);
  }
  hash.set(name, value);
}

/** The hash under `name`, made when absent. `[]` continues its last element unless that has `child` already. */
function descend(hash: FormHash, name: string, child: string): FormHash {
  const index = name === "" ? lastIndex(hash, child) : name;
  const inner = hash.get(index);
  if (typeof inner === "object") return inner;
  if (inner !== undefined) throw new FormError(`expected a hash and not a string for \`${name}\``);
  const made: FormHash = new Map();
  hash.set(index, made);
  return made;
}

function lastIndex(hash: FormHash, child: string): string {
  const last = [...hash.keys()].at(-1);
  if (last === undefined) return "0";
  const element = hash.get(last);
  const continues = typeof element === "object" && child !== "" && !element.has(child);
  return continues ? last : nextIndex(hash);
}

function nextIndex(hash: FormHash): string {
  return String(hash.size);
}
