import { z } from "zod";
import { API_ROOT, CSRF_HEADER, OPERATIONS, type OperationName } from "../operations.ts";
import { PROBLEMS, type ProblemCode } from "../problem.ts";
import { type AnswerSpec, COMMON_PROBLEMS, problemSchema, type Route } from "./route.ts";
import { ROUTES } from "./routes.ts";

type Json = Record<string, unknown>;

/** Makes the OpenAPI 3.1 document of the admin API. `version` is the server's. */
export function createOpenApiDocument(version: string): Json {
  const components: Json = {};
  const paths: Record<string, Json> = {};
  for (const [name, { method, path }] of Object.entries(OPERATIONS)) {
    const item = paths[path] ?? {};
    item[method.toLowerCase()] = describeOperation(name as OperationName, components);
    paths[path] = item;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Keybrake admin API",
      version,
      description: "Secrets, vault keys, budgets, the brake and the audit log of one Keybrake installation.",
    },
    servers: [{ url: API_ROOT }],
    security: [{ adminToken: [] }, { session: [] }],
    paths,
    components: {
      securitySchemes: {
        adminToken: { type: "http", scheme: "bearer" },
        session: {
          type: "apiKey",
          in: "cookie",
          name: "keybrake_session",
          description: `Opened by \`createSession\`; a change also needs \`${CSRF_HEADER}\` and the same origin.`,
        },
      },
      schemas: components,
    },
  };
}

function describeOperation(name: OperationName, components: Json): Json {
  const route: Route = ROUTES[name];
  const parameters = [
    ...describeParameters("path", route.params, components),
    ...describeParameters("query", route.query, components),
  ];
  return {
    operationId: name,
    summary: route.summary,
    description: describeRole(route),
    "x-keybrake-role": route.role,
    ...(route.role === null ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === null ? {} : { requestBody: describeBody(route, components) }),
    responses: { ...describeAnswers(route, components), ...describeProblems(route, components) },
  };
}

function describeRole({ role, elevation }: Route): string {
  if (role === null) return "Needs no token: what the body holds is the proof.";
  const needed = `Needs the role \`${role}\``;
  return elevation === null
    ? `${needed}.`
    : `${needed}; with \`${elevation.flag}\`, the role \`${elevation.role}\`.`;
}

function describeParameters(place: "path" | "query", schema: z.ZodObject | null, components: Json): Json[] {
  return Object.entries(schema?.shape ?? {}).map(([name, field]) => {
    const { description, ...rest } = toJsonSchema(field as z.ZodType, "input", components);
    const isRequired = !(field as z.ZodType).safeParse(undefined).success;
    return {
      name,
      in: place,
      required: isRequired,
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

function describeBody(route: Route, components: Json): Json {
  const schema = route.body === null ? {} : toJsonSchema(route.body, "input", components);
  return { required: !route.isBodyOptional, content: { "application/json": { schema } } };
}

function describeAnswers(route: Route, components: Json): Json {
  return Object.fromEntries(
    Object.entries(route.answers).map(([status, answer]) => [status, describeAnswer(answer, components)]),
  );
}

function describeAnswer(answer: AnswerSpec, components: Json): Json {
  const content: Json = {};
  if (answer.schema !== null) {
    content["application/json"] = { schema: toJsonSchema(answer.schema, "output", components) };
  }
  for (const mediaType of answer.mediaTypes ?? []) content[mediaType] = { schema: { type: "string" } };
  const isEmpty = Object.keys(content).length === 0;
  return { description: answer.description, ...(isEmpty ? {} : { content }) };
}

function describeProblems(route: Route, components: Json): Json {
  const byStatus = new Map<number, ProblemCode[]>();
  const bodyProblems: ProblemCode[] =
    route.body === null ? [] : ["payload_too_large", "unsupported_media_type"];
  for (const code of [...COMMON_PROBLEMS, ...bodyProblems, ...route.problems]) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const schema = toJsonSchema(problemSchema, "output", components);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join("; "),
        content: { "application/problem+json": { schema } },
      },
    ]),
  );
}

/** Converts a schema; those with an id are moved to the document's components and referred to. */
function toJsonSchema(schema: z.ZodType, io: "input" | "output", components: Json): Json {
  const converted = z.toJSONSchema(schema, {
    io,
    target: "draft-2020-12",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const replacement = z.globalRegistry.get(zodSchema as unknown as z.ZodType)?.["schema"];
      if (replacement === undefined) return;
      for (const name of Object.keys(jsonSchema)) delete (jsonSchema as Json)[name];
      Object.assign(jsonSchema, replacement);
    },
  }) as Json;
  const { $schema: _, $defs, ...rest } = rewriteReferences(converted) as Json;
  Object.assign(components, $defs);
  return rest;
}

function rewriteReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rewriteReferences);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      name === "$ref" && typeof inner === "string"
        ? inner.replace(/^#\/\$defs\//, "#/components/schemas/")
        : rewriteReferences(inner),
    ]),
  );
}
