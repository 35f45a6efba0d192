import { VENDOR_NAMES, VENDORS, type VendorName } from "@keybrake/core";
import { openFakeStripe } from "@keybrake/sandbox";
import type { Config } from "./config.ts";
import type { VendorRoute } from "./data-plane/data-plane.ts";
import { ReadStream } from "./data-plane/stream.ts";
import { Upstream } from "./data-plane/upstream.ts";

/** Where each vendor's calls go, and the built-in fake vendors when this is a sandbox. */
export interface Upstreams {
  readonly routes: Readonly<Record<VendorName, VendorRoute>>;
  close(): Promise<void>;
}

/** The only key that the built-in fake Stripe takes: it exists nowhere else. */
export const SANDBOX_STRIPE_KEY = "sk_test_keybrakeSandboxOpensNothingElse";

/** Opens the upstreams: an explicit URL first, then the sandbox, then the vendor's own address. */
export async function openUpstreams(config: Config): Promise<Upstreams> {
  const isFakeNeeded = config.isSandbox && config.upstreamUrls.stripe === null;
  const fake = isFakeNeeded
    ? await openFakeStripe({ host: "127.0.0.1", port: 0, secretKeys: [SANDBOX_STRIPE_KEY] })
    : null;
  const origins: Record<VendorName, string> = {
    stripe: config.upstreamUrls.stripe ?? fake?.url ?? VENDORS.stripe.origin,
  };
  const routes = Object.fromEntries(
    VENDOR_NAMES.map((name) => [name, openRoute(name, origins[name])]),
  ) as Record<VendorName, VendorRoute>;
  return {
    routes,
    close: async () => {
      for (const route of Object.values(routes)) {
        await route.upstream.close();
        route.stream.close();
      }
      await fake?.close();
    },
  };
}

function openRoute(name: VendorName, origin: string): VendorRoute {
  return { vendor: VENDORS[name], upstream: new Upstream(origin), stream: new ReadStream(origin) };
}
