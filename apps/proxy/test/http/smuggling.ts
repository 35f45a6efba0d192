import { requestText } from "./raw-client.ts";

/** Bytes on the wire (one character a byte) that try to be one request to us and another number of them to the vendor. */
export interface Mutation {
  readonly name: string;
  readonly text: string;
}

/** A header block whose framing one reader may understand as chunked and another may not. */
interface Framing {
  readonly name: string;
  /** Whole lines with their ends. */
  readonly lines: string;
}

/** What a mutation is made of, besides its framing. */
export interface Scene {
  /** Header lines that every request carries: credential and media type. */
  readonly headers: readonly string[];
  /** The request that is allowed and carries the framing. */
  readonly line: string;
  /** The requests that hide behind it, by turns: one that the key may make, one that it may not. */
  readonly hidden: readonly string[];
}

const CRLF = "\r\n";
const TE = "Transfer-Encoding";

/** Control characters, what lists and quotes are made of, and everything that is no ASCII. */
const BYTES = [
  ...Array.from({ length: 0x21 }, (_, byte) => byte),
  ...[..."\"',/:;=\\_~"].map((character) => character.charCodeAt(0)),
  ...Array.from({ length: 0x81 }, (_, index) => 0x7f + index),
];

/** Where a byte may stand so that some readers see the header and some do not. */
const PLACES: readonly (readonly [name: string, linesWith: (byte: string) => string])[] = [
  ["before the name", (byte) => `${byte}${TE}: chunked${CRLF}`],
  ["within the name", (byte) => `Transfer${byte}Encoding: chunked${CRLF}`],
  ["behind the name", (byte) => `${TE}${byte}: chunked${CRLF}`],
  ["instead of the colon", (byte) => `${TE}${byte}chunked${CRLF}`],
  ["before the value", (byte) => `${TE}:${byte}chunked${CRLF}`],
  ["within the value", (byte) => `${TE}: chu${byte}nked${CRLF}`],
  ["behind the value", (byte) => `${TE}: chunked${byte}${CRLF}`],
  ["between another header and the name", (byte) => `X: X${byte}${TE}: chunked${CRLF}`],
  ["behind a lone CR, before the name", (byte) => `X: X\r${byte}${TE}: chunked${CRLF}`],
  ["before a bare LF and the name", (byte) => `X: X${byte}\n${TE}: chunked${CRLF}`],
  ["between the value and another header", (byte) => `${TE}: chunked${byte}X: X${CRLF}`],
  ["behind the value and a lone CR", (byte) => `${TE}: chunked\r${byte}X: X${CRLF}`],
];

const SPELLINGS = [
  `${TE}: chunked`,
  `${TE.toLowerCase()}: chunked`,
  `${TE.toUpperCase()}: CHUNKED`,
  `${TE}: cHuNkEd`,
  `${TE}:chunked`,
  `${TE}:  chunked  `,
  `${TE}: "chunked"`,
  `${TE}: chunked, identity`,
  `${TE}: identity, chunked`,
  `${TE}: identity`,
  `${TE}: gzip, chunked`,
  `${TE}: chunked,`,
  `${TE}: ,chunked`,
  `${TE}: chunked;q=1`,
  `${TE}: chunked chunked`,
  `${TE}: x-chunked`,
  `${TE}: chunk`,
  `${TE}: chunked-false`,
  `${TE}:`,
  `${TE}: chunked${CRLF}${TE}: identity`,
  `${TE}: identity${CRLF}${TE}: chunked`,
  `${TE}: chunked${CRLF}${TE}: chunked`,
  `${TE}: x${CRLF}${TE}: chunked`,
  `${TE}:${CRLF} chunked`,
  `${TE}:\n chunked`,
  `${TE}${CRLF} : chunked`,
  `X: X${CRLF} ${TE}: chunked`,
  `Content-Encoding: x${CRLF}${TE}: chunked`,
  `Transfer_Encoding: chunked`,
  `TE: chunked`,
  `Connection: ${TE}${CRLF}${TE}: chunked`,
  `Connection: Content-Length${CRLF}${TE}: chunked`,
];

/** Spellings of a length; `length` is the one that makes the whole rest of the connection one body. */
const LENGTHS: readonly (readonly [name: string, lines: (length: number) => readonly string[]])[] = [
  ["none", () => []],
  ["plain", (length) => [`Content-Length: ${length}`]],
  ["zero", () => ["Content-Length: 0"]],
  ["short", () => ["Content-Length: 4"]],
  ["a plus", (length) => [`Content-Length: +${length}`]],
  ["a leading zero", (length) => [`Content-Length: 0${length}`]],
  ["hexadecimal", (length) => [`Content-Length: 0x${length.toString(16)}`]],
  ["a list", (length) => [`Content-Length: ${length}, ${length}`]],
  ["two that differ", (length) => [`Content-Length: ${length}`, "Content-Length: 0"]],
  ["two that agree", (length) => [`Content-Length: ${length}`, `Content-Length: ${length}`]],
  ["a space before the colon", (length) => [`Content-Length : ${length}`]],
  ["an underscore", (length) => [`Content_Length: ${length}`]],
];

const LINE_ENDS = [
  ["CRLF", (text: string) => text],
  ["LF", (text: string) => text.replaceAll(CRLF, "\n")],
  ["CR CRLF", (text: string) => text.replaceAll(CRLF, `\r${CRLF}`)],
] as const;

/** Spellings of the end of a chunked body, for readers who agree on the head. */
const CHUNK_ENDS = [
  "0\r\n\r\n",
  "0\n\n",
  "0\r\n\n",
  "0\n\r\n",
  "0\r\r\n\r\n",
  "00\r\n\r\n",
  "0x0\r\n\r\n",
  "-0\r\n\r\n",
  "+0\r\n\r\n",
  "0 \r\n\r\n",
  " 0\r\n\r\n",
  "0;\r\n\r\n",
  "0;x\n\r\n\r\n",
  "0;x\r\r\n\r\n",
  "0\r\nX: X\r\n\r\n",
  "0\r\nContent-Length: 4\r\n\r\n",
  "0\r\n",
  "\r\n0\r\n\r\n",
  "10000000000000000\r\n\r\n",
  "g\r\n\r\n",
] as const;

/**
 * Every mutation of the families that defparam/smuggler and http-garden try: a byte in each place of the header,
 * spellings × lengths × line ends, and ends of chunked bodies. None of them leaves a strict reader waiting for more.
 */
export function listMutations(scene: Scene): readonly Mutation[] {
  const mutations: Mutation[] = [];
  const add = (name: string, write: (hidden: string) => string) => {
    const hidden = scene.hidden[mutations.length % scene.hidden.length] ?? "";
    mutations.push({ name, text: write(hidden) });
  };
  for (const { name, lines } of listByteFramings()) add(name, (hidden) => placed(scene, lines, hidden));
  for (const spelling of SPELLINGS) {
    for (const [lengthName, lengths] of LENGTHS) {
      for (const [endName, withEnds] of LINE_ENDS) {
        const name = `${JSON.stringify(spelling)}, length ${lengthName}, ${endName}`;
        add(name, (hidden) => {
          const body = `0${CRLF}${CRLF}${hidden}`;
          return withEnds(headOf(scene, [spelling, ...lengths(body.length)])) + body;
        });
      }
    }
  }
  for (const end of CHUNK_ENDS) {
    for (const first of ["", "6\r\nname=x\r\n", "6;a=b\r\nname=x\r\n", "06\r\nname=x\r\n"]) {
      const chunks = JSON.stringify(first + end);
      add(`chunks ${chunks}`, (hidden) => headOf(scene, [`${TE}: chunked`]) + first + end + hidden);
    }
  }
  return mutations;
}

function listByteFramings(): readonly Framing[] {
  return PLACES.flatMap(([place, linesWith]) =>
    BYTES.map((byte) => ({
      name: `0x${byte.toString(16).padStart(2, "0")} ${place}`,
      lines: linesWith(String.fromCharCode(byte)),
    })),
  );
}

/** Who reads the header sees an empty body and then the hidden request; who does not sees all of it as the body. */
function placed(scene: Scene, lines: string, hidden: string): string {
  const body = `0${CRLF}${CRLF}${hidden}`;
  const head = headOf(scene, [`Content-Length: ${body.length}`]);
  return head.slice(0, -CRLF.length) + lines + CRLF + body;
}

function headOf(scene: Scene, lines: readonly string[]): string {
  return [`${scene.line} HTTP/1.1`, "Host: keybrake.test", ...scene.headers, ...lines, "", ""].join(CRLF);
}

/** The hidden request; it closes the connection, so that whoever reads it as a request of its own is done with it. */
export function hiddenRequest(line: string, headers: readonly string[]): string {
  return requestText(line, [...headers, "Connection: close"], "name=hidden");
}
