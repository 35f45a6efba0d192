import { type Denial, deny } from "../../denial.ts";
import { type FormField, showName } from "../../form.ts";

const TYPE = /^multipart\/form-data; *boundary="?([A-Za-z0-9'()+_,./:=?-]{1,70})"?$/;
const DISPOSITION =
  /^content-disposition: *form-data; *name="([a-z_]+(?:\[[a-z0-9_]*\])*)"(?:; *filename="[^"\r\n]*")?$/i;
const PART_TYPE = /^content-type: *[a-z0-9.+-]+\/[a-z0-9.+-]+(?:; *charset=[a-z0-9-]+)?$/i;
const PARTS_MAX = 16;

/**
 * Reads a `multipart/form-data` body so strictly that no other reader could see other parts: no preamble, no epilogue,
 * no header but a part's name and type, no name twice. Gives the names with the values of all but the file itself.
 */
export function readMultipartFields(
  contentType: string | null,
  body: Uint8Array,
): { fields: readonly FormField[]; contentType: string } | Denial {
  const boundary = TYPE.exec(contentType ?? "")?.[1];
  if (contentType === null || boundary === undefined)
    return deny("request_malformed", "the body must be `multipart/form-data` with a plain boundary");
  // Latin-1 keeps one character a byte, so that a file's bytes stay what they are.
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
  const start = `--${boundary}\r\n`;
  const end = [`\r\n--${boundary}--\r\n`, `\r\n--${boundary}--`].find((tail) => text.endsWith(tail));
  if (!text.startsWith(start) || end === undefined || text.length < start.length + end.length)
    return deny("request_malformed", "the body does not begin and end with its boundary");
  const parts = text.slice(start.length, text.length - end.length).split(`\r\n--${boundary}\r\n`);
  if (parts.length > PARTS_MAX) return deny("request_malformed", `more than ${PARTS_MAX} parts`);
  const fields: FormField[] = [];
  for (const part of parts) {
    const field = readPart(part, boundary);
    if ("code" in field) return field;
    if (fields.some(({ name }) => name === field.name))
      return deny("request_ambiguous", `${showName(field.name)} is given twice`);
    fields.push(field);
  }
  return { fields, contentType };
}

function readPart(part: string, boundary: string): FormField | Denial {
  const gap = part.indexOf("\r\n\r\n");
  const [disposition = "", type, ...more] = part.slice(0, gap === -1 ? 0 : gap).split("\r\n");
  const name = DISPOSITION.exec(disposition)?.[1];
  const isPlain = more.length === 0 && (type === undefined || PART_TYPE.test(type));
  if (name === undefined || !isPlain || part.includes(`--${boundary}`))
    return deny("request_ambiguous", "a part of the body is not plain form data");
  const isFile = disposition.includes("filename=");
  return { name, value: isFile ? "" : part.slice(gap + 4) };
}
