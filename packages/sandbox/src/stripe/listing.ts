import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import type { Collection, Stored } from "./collection.ts";
import { invalidRequest, noSuch } from "./error.ts";
import { flag, hash, integer, type Params, text } from "./parameters.ts";

/** A page of objects, as Stripe sends it. */
export interface ObjectList<Item> {
  readonly object: "list";
  readonly data: readonly Item[];
  readonly has_more: boolean;
  readonly url: string;
}

interface ListShape<Item> {
  readonly url: string;
  /** How Stripe calls the kind in `No such …`. */
  readonly kind: string;
  /** Parameters that must equal the field of their name. */
  readonly equal?: readonly string[];
  /** Parameters that bound the field of their name. */
  readonly ranges?: readonly string[];
  readonly filter?: (item: Item) => boolean;
}

const LIMIT_DEFAULT = 10;

/** A page of a collection, newest first, filtered and cut as the call's parameters say. */
export function listObjects<Item extends Stored>(
  call: StripeCall,
  collection: Collection<Item>,
  shape: ListShape<Item>,
): ObjectList<Item> {
  const { params } = call;
  const after = cursor(params, "starting_after", collection, shape.kind);
  const before = cursor(params, "ending_before", collection, shape.kind);
  if (after !== undefined && before !== undefined) {
    throw invalidRequest(
      "Received both starting_after and ending_before parameters. Please pass in only one.",
      {
        code: "parameters_exclusive",
      },
    );
  }
  const limit = integer(params, "limit") ?? LIMIT_DEFAULT;
  const matches = matcher(params, shape);
  const source = before === undefined ? collection.newestFirst(after) : collection.oldestFirst(before);
  const data: Item[] = [];
  let hasMore = false;
  for (const item of source) {
    if (!matches(item)) continue;
    if (data.length === limit) {
      hasMore = true;
      break;
    }
    data.push(item);
  }
  if (before !== undefined) data.reverse();
  return { object: "list", data, has_more: hasMore, url: shape.url };
}

function cursor<Item extends Stored>(
  params: Params,
  name: string,
  collection: Collection<Item>,
  kind: string,
): string | undefined {
  const id = text(params, name);
  if (id !== undefined && collection.get(id) === undefined) throw noSuch(kind, id, name, 400);
  return id;
}

function matcher<Item extends Stored>(params: Params, shape: ListShape<Item>): (item: Item) => boolean {
  const equal = (shape.equal ?? []).flatMap((name) => {
    const wanted = text(params, name) ?? flag(params, name);
    return wanted === undefined ? [] : [[name, wanted] as const];
  });
  const ranges = (shape.ranges ?? []).filter((name) => params[name] !== undefined);
  return (item) => {
    const fields = item as unknown as JsonObject;
    return (
      equal.every(([name, wanted]) => fields[name] === wanted) &&
      ranges.every((name) => isWithin(fields[name], params, name)) &&
      (shape.filter?.(item) ?? true)
    );
  };
}

function isWithin(value: unknown, params: Params, name: string): boolean {
  if (typeof value !== "number") return false;
  const exact = integer(params, name);
  if (exact !== undefined) return value === exact;
  const { gt, gte, lt, lte } = (hash(params, name) ?? {}) as Readonly<Record<string, number | undefined>>;
  return (
    value > (gt ?? -Infinity) &&
    value >= (gte ?? -Infinity) &&
    value < (lt ?? Infinity) &&
    value <= (lte ?? Infinity)
  );
}
