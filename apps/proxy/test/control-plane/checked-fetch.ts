import {
  API_ROOT,
  OPERATIONS,
  type OperationName,
  problemSchema,
  ROUTES,
  type Route,
} from "@keybrake/client/contract";
import { z } from "zod";

/**
 * A `fetch` that fails the test when an answer of the admin API is not exactly what the contract says: an undeclared
 * status, a field too many, a field of another type. So every test of an operation also tests its description.
 */
export function createCheckedFetch(): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const url = new URL(input instanceof Request ? input.url : input);
    const route = findRoute(init?.method ?? "GET", url.pathname);
    const type = response.headers.get("content-type") ?? "";
    if (route === null) return response;
    if (response.ok) {
      const spec = route.answers[response.status];
      if (spec === undefined)
        throw new Error(`${url.pathname} answered ${response.status}, which is undeclared`);
      if (spec.schema !== null && type.startsWith("application/json"))
        strictly(spec.schema).parse(await response.clone().json());
    } else {
      const problem = strictly(problemSchema).parse(await response.clone().json()) as { status: number };
      if (problem.status !== response.status) throw new Error("the problem's status is not the answer's");
    }
    return response;
  };
}

function findRoute(method: string, pathname: string): Route | null {
  for (const name of Object.keys(OPERATIONS) as OperationName[]) {
    const { method: itsMethod, path } = OPERATIONS[name];
    const pattern = new RegExp(`^${API_ROOT}${path.replace(/\{\w+\}/g, "[^/]+")}$`);
    if (itsMethod === method && pattern.test(pathname)) return ROUTES[name];
  }
  return null;
}

/** The same schema, but an unknown field is an error in every object of it. */
function strictly(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodObject) {
    const shape = Object.entries(schema.shape).map(([name, field]) => [name, strictly(field as z.ZodType)]);
    return z.strictObject(Object.fromEntries(shape));
  }
  if (schema instanceof z.ZodArray) return z.array(strictly(schema.element as z.ZodType));
  if (schema instanceof z.ZodNullable) return strictly(schema.unwrap() as z.ZodType).nullable();
  if (schema instanceof z.ZodOptional) return strictly(schema.unwrap() as z.ZodType).optional();
  return schema;
}
