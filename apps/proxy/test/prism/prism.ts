import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { getHttpOperationsFromSpec } from "@stoplight/prism-http";
import { createServer } from "@stoplight/prism-http-server";
import { pino } from "pino";

/** The vendors' own descriptions of their APIs, when they stand beside the checkout. */
const FOLDER = new URL("../../../../../shared/specs/", import.meta.url);

const SPECS = { twilio: specOf("twilio_api_v2010.json"), resend: specOf("resend.json") } as const;

/** A vendor of whose API there is a description. */
export type DescribedVendor = keyof typeof SPECS;

/** Why there can be no Prism here; null when there can. */
export const NO_PRISM = Object.values(SPECS).every((file) => existsSync(file))
  ? null
  : "the vendors' API descriptions are not beside the checkout";

/** A request as it arrived at Prism. */
export interface ArrivedRequest {
  /** Method and path. */
  readonly call: string;
  /** A form as text, JSON as what it stands for. */
  readonly body: unknown;
}

/** A Prism server on one vendor's description: it refuses what does not fit it, and answers with its examples. */
export interface Prism {
  readonly url: string;
  /** Every method and path of the description, identifiers as `{}`. */
  readonly operations: ReadonlySet<string>;
  /** What has arrived, oldest first. */
  readonly requests: readonly ArrivedRequest[];
  close(): Promise<void>;
}

/** Opens it on a free loopback port. Rejects when the description is absent: look at {@link NO_PRISM} first. */
export async function openPrism(vendor: DescribedVendor): Promise<Prism> {
  const operations = await getHttpOperationsFromSpec(SPECS[vendor]);
  for (const operation of operations) {
    if (vendor === "resend") allowEmptyObject(operation);
    for (const content of operation.request?.body?.contents ?? []) complete(content);
  }
  const requests: ArrivedRequest[] = [];
  const mock = { dynamic: false };
  const server = createServer(operations, {
    components: { logger: loggerOf((request) => requests.push(request)) },
    config: {
      mock,
      validateRequest: true,
      validateResponse: false,
      checkSecurity: true,
      errors: true,
      isProxy: false,
      upstreamProxy: undefined,
    },
    cors: false,
  });
  return {
    url: await server.listen(0, "127.0.0.1"),
    operations: new Set(operations.map(({ method, path }) => anonymous(`${method.toUpperCase()} ${path}`))),
    requests,
    close: () => server.close(),
  };
}

/** An endpoint with its identifiers as `{}`: every description names them in its own way. */
export function anonymous(endpoint: string): string {
  return endpoint.replaceAll(/\{\w+\}/g, "{}");
}

function specOf(name: string): string {
  return fileURLToPath(new URL(name, FOLDER));
}

/** resend-python sends one with every call that has nothing to say, where the description knows of no body. */
function allowEmptyObject(operation: Awaited<ReturnType<typeof getHttpOperationsFromSpec>>[number]): void {
  if (operation.request?.body !== undefined) return;
  const content = { id: "empty", mediaType: "application/json", schema: { type: "object", properties: {} } };
  operation.request = { ...operation.request, body: { id: "empty", contents: [content as never] } };
}

interface Schema {
  readonly type?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: unknown;
  additionalProperties?: unknown;
}

/** Says of a body what a description leaves to its reader: how a form writes lists, and that nothing else is known. */
function complete(content: { readonly schema?: object; encodings?: object[] }): void {
  const schema: Schema = content.schema ?? {};
  const lists = Object.entries(schema.properties ?? {}).filter(([, { type }]) => type === "array");
  content.encodings = lists.map(([property]) => ({ property, style: "form", explode: true }));
  refuseStrangers(schema);
}

/** Has an effect on JSON only: of a form Prism looks at the names that it knows. */
function refuseStrangers(schema: Schema): void {
  if (schema.properties !== undefined) schema.additionalProperties ??= false;
  for (const inner of Object.values(schema.properties ?? {})) refuseStrangers(inner);
  if (typeof schema.items === "object" && schema.items !== null) refuseStrangers(schema.items);
}

/** Prism tells its logger of every request, and nothing is written. */
function loggerOf(onRequest: (request: ArrivedRequest) => void) {
  const logger = pino({
    hooks: {
      logMethod: ([fields]) => {
        const { input } = fields as Logged;
        if (input === undefined) return;
        onRequest({ call: `${input.method.toUpperCase()} ${input.url.path}`, body: input.body });
      },
    },
  });
  // A level of Prism's own.
  return Object.assign(logger, { success: () => undefined });
}

interface Logged {
  readonly input?: {
    readonly method: string;
    readonly url: { readonly path: string };
    readonly body: unknown;
  };
}
