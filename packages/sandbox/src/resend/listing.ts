import type { RestAnswer } from "../rest-call.ts";
import { invalid } from "./error.ts";
import { ok, type ResendCall } from "./operation.ts";

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 100;

/** Reads `limit`, `after` and `before`. Throws Resend's 422. */
export function checkPaging({ query }: ResendCall): {
  limit: number;
  after: string | null;
  before: string | null;
} {
  const text = query.get("limit") ?? String(LIMIT_DEFAULT);
  if (!/^\d{1,3}$/.test(text) || Number(text) < 1 || Number(text) > LIMIT_MAX) {
    throw invalid(`The \`limit\` must be a number between 1 and ${LIMIT_MAX}.`);
  }
  const after = query.get("after");
  const before = query.get("before");
  if (after !== null && before !== null) throw invalid("You can only use either `after` or `before`.");
  return { limit: Number(text), after, before };
}

/** A page of objects, newest first. */
export function pageOf<Item extends { readonly id: string }>(
  call: ResendCall,
  newestFirst: readonly Item[],
  render: (item: Item) => object,
): RestAnswer {
  const { limit, after, before } = checkPaging(call);
  const cursor = after ?? before;
  const at = cursor === null ? -1 : newestFirst.findIndex(({ id }) => id === cursor);
  if (cursor !== null && at < 0) throw invalid(`There is no object \`${cursor}\` to continue from.`);
  const rest = before === null ? newestFirst.slice(at + 1) : newestFirst.slice(0, at);
  const data = before === null ? rest.slice(0, limit) : rest.slice(-limit);
  return ok({ object: "list", has_more: rest.length > limit, data: data.map(render) });
}
