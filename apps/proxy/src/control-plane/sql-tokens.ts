/** A part of a query. Comments and white space are left out; identifiers are folded as PostgreSQL folds them. */
export interface SqlToken {
  readonly kind: "word" | "quoted" | "string" | "number" | "symbol";
  readonly text: string;
  readonly start: number;
}

const SPACE = /[ \t\r\n\f]+/y;
const WORD = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y;
const NUMBER = /(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/y;
const QUOTED = /"(?:[^"]|"")+"/y;
const PLAIN_STRING = /'(?:[^'\\]|'')*'/y;
const ESCAPE_STRING = /[eE]'(?:[^'\\]|''|\\[\s\S])*'/y;
const DOLLAR_STRING = /\$([A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;
const SYMBOL = /[()[\],;.:+\-*/<>=~!@#%^&|?]/y;
const CONTINUES_WORD = /[A-Za-z0-9_$\u0080-\uffff]/;

/**
 * Splits a query as PostgreSQL's own lexer does, or returns a sentence. What lexers are known to disagree on
 * (a backslash in a plain string, `U&` escapes, a number glued to a word, parameters) is refused instead of guessed.
 */
export function readSqlTokens(text: string): readonly SqlToken[] | string {
  const tokens: SqlToken[] = [];
  let at = 0;
  while (at < text.length) {
    const end = skipBlank(text, at);
    if (typeof end === "string") return end;
    if (end > at) {
      at = end;
      continue;
    }
    const token = readToken(text, at);
    if (typeof token === "string") return token;
    tokens.push({ kind: token.kind, text: token.text, start: at });
    at = token.end;
  }
  return tokens;
}

interface ReadToken {
  readonly kind: SqlToken["kind"];
  readonly text: string;
  readonly end: number;
}

function readToken(text: string, at: number): ReadToken | string {
  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? null;
  };
  const make = (kind: SqlToken["kind"], found: string, shown = found): ReadToken => ({
    kind,
    text: shown,
    end: at + found.length,
  });
  const string = match(ESCAPE_STRING) ?? match(PLAIN_STRING);
  if (string !== null) return make("string", string);
  const quoted = match(QUOTED);
  if (quoted !== null) return make("quoted", quoted, quoted.slice(1, -1).replaceAll('""', '"'));
  const tag = match(DOLLAR_STRING);
  if (tag !== null) {
    const close = text.indexOf(tag, at + tag.length);
    return close === -1 ? "a string is not closed" : make("string", text.slice(at, close + tag.length));
  }
  const word = match(WORD);
  if (word !== null) return readWord(text, at, word, make);
  const number = match(NUMBER);
  if (number !== null) {
    if (CONTINUES_WORD.test(text[at + number.length] ?? ""))
      return `put a space behind the number \`${number}\``;
    return make("number", number);
  }
  const symbol = match(SYMBOL);
  if (symbol !== null) return make("symbol", symbol);
  return findLexicalProblem(text[at] ?? "");
}

function readWord(
  text: string,
  at: number,
  word: string,
  make: (kind: "word", found: string, shown: string) => ReadToken,
): ReadToken | string {
  const next = text[at + word.length];
  // A word that touches a quote is a string or identifier of its own syntax: U&'…', U&"…", B'…', X'…', N'…'.
  if (next === "'" || next === '"') return `put a space behind \`${word}\``;
  if (/^u$/i.test(word) && next === "&") return "`U&` escapes are not allowed";
  return make(
    "word",
    word,
    word.replace(/[A-Z]/g, (letter) => letter.toLowerCase()),
  );
}

function findLexicalProblem(character: string): string {
  if (character === "'") return "a string is not closed, or has a backslash: write such a string as `E'…'`";
  if (character === '"') return "a quoted identifier is not closed";
  if (character === "$") return "parameters are not allowed";
  return `the character \`${JSON.stringify(character).slice(1, -1)}\` has no place in a query`;
}

/** The end of the white space or comment that begins here; the same place when none does. */
function skipBlank(text: string, at: number): number | string {
  SPACE.lastIndex = at;
  const space = SPACE.exec(text);
  if (space !== null) return SPACE.lastIndex;
  if (text.startsWith("--", at)) {
    const newline = /[\r\n]/.exec(text.slice(at));
    return newline === null ? text.length : at + newline.index;
  }
  if (!text.startsWith("/*", at)) return at;
  // Comments nest in PostgreSQL.
  let depth = 0;
  for (let index = at; index < text.length; index++) {
    if (text.startsWith("/*", index)) {
      depth++;
      index++;
    } else if (text.startsWith("*/", index)) {
      depth--;
      index++;
      if (depth === 0) return index + 1;
    }
  }
  return "a comment is not closed";
}
