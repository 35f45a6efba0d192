import { USAGE_CATEGORIES, type UsageCategory, type UsageTotals } from "./account.ts";
import { dayOf, iso8601 } from "./dates.ts";
import { badRequest } from "./error.ts";
import { checkPaging, pageOf2010 } from "./listing.ts";
import { ok, type TwilioCall, type TwilioOperation } from "./operation.ts";

const CATEGORIES = Object.keys(USAGE_CATEGORIES).filter((name): name is UsageCategory =>
  Object.hasOwn(USAGE_CATEGORIES, name),
);
const DAY_MS = 86_400_000;

interface Span {
  readonly start: string;
  readonly end: string;
}

interface UsageRecord extends Span {
  readonly category: UsageCategory;
  readonly totals: UsageTotals;
}

/** Usage records over spans of days: each span gives one record a category. */
function listUsage(spansOf: (call: TwilioCall) => readonly Span[]): TwilioOperation {
  return (call) => {
    checkPaging(call);
    const categories = checkCategory(call);
    const spans = spansOf(call);
    return () => {
      const records = spans.flatMap(({ start, end }) => {
        const usage = call.account.usage(start, end);
        return categories.map((category): UsageRecord => {
          const totals = usage.get(category) ?? { count: 0, usage: 0, priceMicros: 0 };
          return { category, start, end, totals };
        });
      });
      return ok(pageOf2010(call, "usage_records", records, (record) => rendered(call, record)));
    };
  };
}

function checkCategory({ params }: TwilioCall): readonly UsageCategory[] {
  const asked = params.text("Category");
  if (asked === undefined) return CATEGORIES;
  const category = CATEGORIES.find((name) => name === asked);
  if (category === undefined) throw badRequest(20001, `Category ${asked} is not one the sandbox counts`);
  return [category];
}

function today({ account }: TwilioCall): readonly Span[] {
  const day = dayOf(account.now);
  return [{ start: day, end: day }];
}

function yesterday({ account }: TwilioCall): readonly Span[] {
  const day = dayOf(account.now - DAY_MS);
  return [{ start: day, end: day }];
}

function thisMonth({ account }: TwilioCall): readonly Span[] {
  const day = dayOf(account.now);
  return [{ start: `${day.slice(0, 8)}01`, end: day }];
}

function askedFor(call: TwilioCall): readonly Span[] {
  const { account, params } = call;
  const start = checkDay(call, "StartDate") ?? dayOf(account.openedAt);
  const end = checkDay(call, "EndDate") ?? dayOf(account.now);
  if (start > end) throw badRequest(20001, `StartDate ${params.text("StartDate")} is after EndDate ${end}`);
  return [{ start, end }];
}

/** One span a day on which there was usage, today in any case; newest first. */
function daily(call: TwilioCall): readonly Span[] {
  const [span] = askedFor(call);
  const days = new Set([dayOf(call.account.now), ...call.account.usageDays()]);
  return [...days]
    .filter((day) => span !== undefined && day >= span.start && day <= span.end)
    .sort()
    .reverse()
    .map((day) => ({ start: day, end: day }));
}

function checkDay({ params }: TwilioCall, name: string): string | undefined {
  const text = params.text(name);
  if (text === undefined || /^\d{4}-\d{2}-\d{2}$/.test(text)) return text;
  throw badRequest(20001, `Invalid parameter ${name}: expected YYYY-MM-DD`);
}

function rendered({ account, path }: TwilioCall, { category, start, end, totals }: UsageRecord): object {
  const { description, countUnit, usageUnit } = USAGE_CATEGORIES[category];
  const query = new URLSearchParams({ Category: category, StartDate: start, EndDate: end });
  return {
    account_sid: account.settings.accountSid,
    api_version: "2010-04-01",
    as_of: iso8601(account.now).replace("Z", "+00:00"),
    category,
    count: String(totals.count),
    count_unit: countUnit,
    description,
    end_date: end,
    price: String(totals.priceMicros / 1_000_000),
    price_unit: "usd",
    start_date: start,
    subresource_uris: {},
    uri: `${path}?${query}`,
    usage: String(totals.usage),
    usage_unit: usageUnit,
  };
}

const BASE = "GET /2010-04-01/Accounts/{}/Usage/Records";

/** What has been used. */
export const USAGE_ROUTES: Readonly<Record<string, TwilioOperation>> = {
  [`${BASE}.json`]: listUsage(askedFor),
  [`${BASE}/AllTime.json`]: listUsage(askedFor),
  [`${BASE}/Today.json`]: listUsage(today),
  [`${BASE}/Yesterday.json`]: listUsage(yesterday),
  [`${BASE}/ThisMonth.json`]: listUsage(thisMonth),
  [`${BASE}/Daily.json`]: listUsage(daily),
};
