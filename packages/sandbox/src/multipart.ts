import { FormError, type FormHash, parseForm } from "./form.ts";

const PARTS_MAX = 100;

/**
 * Reads a `multipart/form-data` body (latin1). A part with a file name becomes a hash of `filename`, `type` and `data`
 * (latin1); another one is read as a field of a form. Throws {@link FormError}.
 */
export function parseMultipart(body: string, contentType: string): FormHash {
  const [, quoted, bare] = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType) ?? [];
  const boundary = quoted ?? bare;
  if (boundary === undefined) throw new FormError("a multipart body without a boundary");
  const parts = `\r\n${body}`.split(`\r\n--${boundary}`);
  if (parts.length > PARTS_MAX) throw new FormError(`more than ${PARTS_MAX} parts`);
  if (parts.at(-1)?.startsWith("--") !== true) throw new FormError("a multipart body without an end");
  const form: FormHash = new Map();
  for (const part of parts.slice(1, -1)) readPart(part, form);
  return form;
}

function readPart(part: string, form: FormHash): void {
  const end = part.indexOf("\r\n\r\n");
  if (end < 0) throw new FormError("a part without a head");
  const head = part.slice(0, end);
  const data = part.slice(end + 4);
  const name = /;\s*name="([^"]*)"/i.exec(head)?.[1];
  if (name === undefined) throw new FormError("a part without a name");
  const filename = /;\s*filename="([^"]*)"/i.exec(head)?.[1];
  if (filename === undefined) {
    const value = Buffer.from(data, "latin1").toString("utf8");
    parseForm(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`, form);
    return;
  }
  const type = /^content-type:\s*(\S+)/im.exec(head)?.[1] ?? "application/octet-stream";
  form.set(
    name,
    new Map([
      ["filename", filename],
      ["type", type],
      ["data", data],
    ]),
  );
}
