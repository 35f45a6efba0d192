import type { StripeCall } from "./account.ts";
import { invalidRequest, noSuch } from "./error.ts";
import type { StripeObject } from "./objects.ts";
import { hash, missing, text } from "./parameters.ts";
import { RawContent } from "./raw-content.ts";
import { nulls, Resource } from "./resource.ts";

/** Stripe's File, which is served from the API's own host here. */
export const FILES = new Resource({
  kind: "file",
  prefix: "file",
  url: "/v1/files",
  equal: ["purpose"],
  blank: {
    ...{ ...nulls("expires_at filename title type url"), purpose: "account_requirement", size: 0 },
    links: { object: "list", data: [], has_more: false, url: "/v1/file_links" },
  },
});

/** The endpoints below `/v1/files`. */
export const FILE_OPERATIONS = {
  "files.create": createFile,
  "files.retrieve": (call: StripeCall) => FILES.require(call),
  "files.list": (call: StripeCall) => FILES.list(call),
  "files.download": downloadFile,
} as const;

interface FileContent extends StripeObject {
  readonly type: string;
  readonly bytes: string;
}

function createFile(call: StripeCall): StripeObject {
  const purpose = text(call.params, "purpose");
  if (purpose === undefined) throw missing("purpose");
  const file = hash(call.params, "file");
  const bytes = text(file ?? {}, "data");
  if (file === undefined || bytes === undefined) {
    throw invalidRequest("The file must be sent as multipart/form-data.", { param: "file" });
  }
  const filename = text(file, "filename") ?? "file";
  const id = FILES.collection(call).newId("file");
  const contents = call.account.objects("file content");
  contents.put({ id: contents.adoptId(id), type: text(file, "type") ?? "application/octet-stream", bytes });
  return FILES.create(call, {
    id,
    filename,
    purpose,
    size: bytes.length,
    type: filename.includes(".") ? (filename.split(".").at(-1) ?? null) : null,
    url: `https://files.stripe.com/v1/files/${id}/contents`,
  });
}

function downloadFile(call: StripeCall): RawContent {
  const { id } = FILES.require(call);
  const content = call.account.objects("file content").get(id) as FileContent | undefined;
  if (content === undefined) throw noSuch("file", id, "id", 404);
  return new RawContent(content.type, content.bytes);
}
