import { type FaultQueue, parseFault } from "./faults.ts";
import type { Recorder } from "./recorder.ts";
import type { FakeVendor } from "./vendor.ts";

/** Paths below this one are the sandbox's own and never reach the vendor. */
export const CONTROL_PREFIX = "/__sandbox/";

const PAGE_DEFAULT = 1_000;
const PAGE_MAX = 10_000;

interface ControlRequest {
  readonly method: string;
  readonly url: string;
  /** Null when it was too large. */
  readonly body: string | null;
}

interface Controlled {
  readonly recorder: Recorder;
  readonly faults: FaultQueue;
  readonly vendor: FakeVendor;
  readonly reset: () => void;
}

/** Answers a request on the side channel of a sandbox that runs in another process. Does not throw. */
export function answerControl(request: ControlRequest, to: Controlled): { status: number; body: string } {
  const url = new URL(request.url, "http://sandbox");
  try {
    const body = dispatch(request, url, to);
    if (body !== undefined) return { status: 200, body: JSON.stringify(body) };
  } catch (error) {
    return problem(400, error instanceof Error ? error.message : String(error));
  }
  return problem(404, `no \`${request.method} ${url.pathname}\` here`);
}

function dispatch(request: ControlRequest, url: URL, to: Controlled): object | undefined {
  switch (`${request.method} ${url.pathname.slice(CONTROL_PREFIX.length)}`) {
    case "POST faults":
      if (request.body === null) throw new Error("the request body is too large");
      to.faults.add(parseFault(JSON.parse(request.body)));
      return { waiting: to.faults.size };
    case "GET requests":
      return to.recorder.page(
        wholeNumber(url, "since", 0, Number.MAX_SAFE_INTEGER),
        wholeNumber(url, "limit", PAGE_DEFAULT, PAGE_MAX),
      );
    case "GET money":
      return to.vendor.money();
    case "POST seed":
      return seed(request.body, to.vendor);
    case "GET objects":
      return to.vendor.objects?.();
    case "POST settle":
      return to.vendor.settle?.();
    case "POST reset":
      to.reset();
      return {};
    default:
      return undefined;
  }
}

function seed(body: string | null, vendor: FakeVendor): object {
  if (vendor.seed === undefined) throw new Error("this vendor has nothing to seed");
  const { kind, fields }: { kind?: unknown; fields?: unknown } = JSON.parse(body ?? "null") ?? {};
  if (typeof kind !== "string" || typeof fields !== "object" || fields === null) {
    throw new Error("a seed is a JSON object with `kind` (text) and `fields` (an object)");
  }
  return vendor.seed(kind, fields);
}

function wholeNumber(url: URL, name: string, fallback: number, max: number): number {
  const text = url.searchParams.get(name);
  if (text === null) return fallback;
  if (/^\d{1,16}$/.test(text) && Number(text) <= max) return Number(text);
  throw new Error(`\`${name}\` is a whole number up to ${max}`);
}

function problem(status: number, message: string): { status: number; body: string } {
  return { status, body: JSON.stringify({ error: { message } }) };
}
