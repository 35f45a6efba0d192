import type { Json, JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import type { Collection } from "./collection.ts";
import { parseCurrency } from "./currency.ts";
import { requireCustomer } from "./customer-reference.ts";
import { noSuch } from "./error.ts";
import { listObjects, type ObjectList } from "./listing.ts";
import { type Metadata, mergeMetadata, newMetadata } from "./metadata.ts";
import type { StripeObject } from "./objects.ts";
import { type Params, text } from "./parameters.ts";
import { reviveNumbers } from "./revival.ts";

/** What sets one kind of object apart from the others. */
interface ResourceShape {
  /** The value of `object`, which names the kind everywhere. */
  readonly kind: string;
  /** What ids start with, without the underscore. */
  readonly prefix: string;
  readonly url: string;
  /** Every field that a new object has unless it is given; besides id, object, created, livemode and metadata. */
  readonly blank: JsonObject;
  /** Parameters of the list that must equal the field of their name. */
  readonly equal?: readonly string[];
  /** Parameters of the list that bound the field of their name. */
  readonly ranges?: readonly string[];
}

/** A list without anything in it, for fields that hold one. */
export const NO_LIST: JsonObject = Object.freeze({ object: "list", data: [], has_more: false, url: "" });

/** An object with null under each of the names, which are separated by spaces. */
export function nulls(names: string): Readonly<Record<string, null>> {
  return Object.fromEntries(names.split(" ").map((name) => [name, null]));
}

/** What all objects of one kind have in common: creation from parameters, retrieval, update, lists, events. */
export class Resource {
  readonly shape: ResourceShape;

  constructor(shape: ResourceShape) {
    this.shape = shape;
  }

  collection(call: StripeCall): Collection<StripeObject> {
    return call.account.objects(this.shape.kind);
  }

  /** A new object that is not kept: the blank, the call's parameters of the same names, then `fields`. */
  build(call: StripeCall, fields: JsonObject = {}): StripeObject {
    const { kind, prefix, blank } = this.shape;
    const { params } = call;
    const id = fields["id"];
    return {
      object: kind,
      ...blank,
      ...given(call, blank),
      created: call.now,
      livemode: false,
      metadata: newMetadata(params["metadata"]),
      ...fields,
      id: typeof id === "string" ? id : this.collection(call).newId(prefix),
    };
  }

  /** Keeps a new object and says so in an event. */
  add(call: StripeCall, object: StripeObject, event = "created"): StripeObject {
    this.collection(call).put(object);
    call.account.emit(call, `${this.shape.kind}.${event}`, object);
    return object;
  }

  create(call: StripeCall, fields: JsonObject = {}): StripeObject {
    return this.add(call, this.build(call, fields));
  }

  /** The object that the path names. Throws Stripe's 404. */
  require(call: StripeCall, id: string = call.id): StripeObject {
    const object = this.collection(call).get(id);
    if (object === undefined) throw noSuch(this.shape.kind, id, "id", 404);
    return object;
  }

  /** The object that a parameter names. Throws Stripe's 400. */
  refer(call: StripeCall, id: unknown, param: string): StripeObject {
    const object = typeof id === "string" ? this.collection(call).get(id) : undefined;
    if (object === undefined) throw noSuch(this.shape.kind, String(id), param, 400);
    return object;
  }

  /** Replaces fields of a kept object and says so in an event that carries what they were before. */
  change(call: StripeCall, object: StripeObject, fields: JsonObject, event = "updated"): StripeObject {
    const changed = this.collection(call).put({ ...object, ...fields });
    const previous = Object.fromEntries(Object.keys(fields).map((name) => [name, object[name] ?? null]));
    call.account.emit(call, `${this.shape.kind}.${event}`, changed, previous);
    return changed;
  }

  /** Applies the call's parameters, then `fields`, to the object that the path names. */
  update(call: StripeCall, fields: JsonObject = {}): StripeObject {
    const object = this.require(call);
    return this.change(call, object, {
      ...given(call, this.shape.blank),
      metadata: mergeMetadata((object["metadata"] ?? {}) as Metadata, call.params["metadata"]),
      ...fields,
    });
  }

  /** Takes the object that the path names away and answers with its stub. */
  remove(call: StripeCall): JsonObject {
    const object = this.require(call);
    this.collection(call).remove(object.id);
    call.account.emit(call, `${this.shape.kind}.deleted`, object);
    return { id: object.id, object: this.shape.kind, deleted: true };
  }

  list(
    call: StripeCall,
    filter?: (object: StripeObject) => boolean,
    url: string = this.shape.url,
  ): ObjectList<StripeObject> {
    const { kind, equal, ranges = ["created"] } = this.shape;
    return listObjects(call, this.collection(call), {
      url,
      kind,
      ranges,
      ...(equal === undefined ? {} : { equal }),
      ...(filter === undefined ? {} : { filter }),
    });
  }
}

/** The parameters that have a field of their name, in the field's shape. */
function given(call: StripeCall, blank: JsonObject): JsonObject {
  const { params } = call;
  const fields: Record<string, Json> = {};
  for (const [name, value] of Object.entries(params)) {
    const field = blank[name];
    if (value === undefined || field === undefined) continue;
    if (value !== null) fields[name] = shaped(name, value, field);
    else if (field === null || name === "description") fields[name] = null;
  }
  if (fields["customer"] !== undefined) fields["customer"] = requireCustomer(call);
  const currency = text(params, "currency");
  if (currency !== undefined && "currency" in blank) fields["currency"] = parseCurrency(currency);
  return fields;
}

function shaped(name: string, value: Json, field: Json): Json {
  const revived = reviveNumbers(name, value);
  return isHash(revived) && isHash(field) ? { ...field, ...revived } : revived;
}

function isHash(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A whole number inside a hash, which may have come as text; undefined when absent. */
export function amountIn(fields: Params, name: string): number | undefined {
  const value = fields[name];
  if (typeof value === "number") return value;
  return typeof value === "string" && /^-?\d{1,15}$/.test(value) ? Number(value) : undefined;
}

/** A whole number of a kept object; 0 when it has none. */
export function amountOf(object: JsonObject, name: string): number {
  return amountIn(object, name) ?? 0;
}

/** A list of hashes inside a hash; empty when absent. */
export function hashesIn(fields: Params, name: string): readonly JsonObject[] {
  const value = fields[name];
  return Array.isArray(value) ? value.filter(isHash) : [];
}
