import { badRequest } from "./error.ts";
import type { TwilioCall } from "./operation.ts";

const PAGE_SIZE_DEFAULT = 50;
const PAGE_SIZE_MAX = 1_000;
const PAGE_MAX = 100_000;

interface Cut<Item> {
  readonly items: readonly Item[];
  readonly page: number;
  readonly pageSize: number;
  readonly start: number;
  readonly hasMore: boolean;
}

/** Reads `Page` and `PageSize`. Throws Twilio's 400. */
export function checkPaging({ params }: TwilioCall): { page: number; pageSize: number } {
  return {
    page: params.integer("Page", 0, [0, PAGE_MAX]),
    pageSize: params.integer("PageSize", PAGE_SIZE_DEFAULT, [1, PAGE_SIZE_MAX]),
  };
}

/** A page in the shape of the 2010 API: links are paths. */
export function pageOf2010<Item>(
  call: TwilioCall,
  name: string,
  all: readonly Item[],
  render: (item: Item) => object,
): object {
  const { items, page, pageSize, start, hasMore } = cut(call, all);
  const link = (index: number): string => linkTo(call, call.path, index, pageSize);
  return {
    [name]: items.map(render),
    first_page_uri: link(0),
    next_page_uri: hasMore ? link(page + 1) : null,
    previous_page_uri: page > 0 ? link(page - 1) : null,
    page,
    page_size: pageSize,
    start,
    end: start + Math.max(0, items.length - 1),
    uri: link(page),
  };
}

/** A page in the shape of the other APIs: `meta` with absolute links. */
export function pageOfMeta<Item>(
  call: TwilioCall,
  name: string,
  all: readonly Item[],
  render: (item: Item) => object,
): object {
  const { items, page, pageSize, hasMore } = cut(call, all);
  const link = (index: number): string => linkTo(call, call.origin + call.path, index, pageSize);
  return {
    [name]: items.map(render),
    meta: {
      key: name,
      page,
      page_size: pageSize,
      first_page_url: link(0),
      next_page_url: hasMore ? link(page + 1) : null,
      previous_page_url: page > 0 ? link(page - 1) : null,
      url: link(page),
    },
  };
}

function cut<Item>(call: TwilioCall, all: readonly Item[]): Cut<Item> {
  const { page, pageSize } = checkPaging(call);
  const start = page * pageSize;
  const items = all.slice(start, start + pageSize);
  return { items, page, pageSize, start, hasMore: all.length > start + pageSize };
}

function linkTo({ params }: TwilioCall, base: string, page: number, pageSize: number): string {
  const query = params.queryWithout(["Page", "PageSize", "PageToken"]);
  query.set("PageSize", String(pageSize));
  query.set("Page", String(page));
  return `${base}?${query}`;
}

const DAY_MS = 86_400_000;

/**
 * Which times a date filter lets through: `Name=`, `Name<=` and `Name>=` (on the wire the names end in `<` and `>`),
 * each a day or a time in ISO 8601, both ends inclusive.
 */
export function dateFilter({ params }: TwilioCall, name: string): (ms: number | null) => boolean {
  const on = spanOf(params.text(name), name);
  const before = spanOf(params.text(`${name}<`), name);
  const after = spanOf(params.text(`${name}>`), name);
  if (on === null && before === null && after === null) return () => true;
  return (ms) => {
    if (ms === null) return false;
    if (on !== null && (ms < on.start || ms >= on.end)) return false;
    if (before !== null && ms >= before.end) return false;
    return after === null || ms >= after.start;
  };
}

function spanOf(text: string | undefined, name: string): { start: number; end: number } | null {
  if (text === undefined) return null;
  const start = Date.parse(text);
  if (Number.isNaN(start)) throw badRequest(20001, `Invalid parameter ${name}: expected a date`);
  // A day is all of it; a time is its second.
  return { start, end: start + (/^\d{4}-\d{2}-\d{2}$/.test(text) ? DAY_MS : 1_000) };
}
