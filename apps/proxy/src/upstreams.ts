import { VENDOR_NAMES, VENDORS, type VendorName } from "@keybrake/core";
import { openFakeResend, openFakeStripe, openFakeTwilio } from "@keybrake/sandbox";
import type { Config } from "./config.ts";
import type { HostRoute, VendorRoute } from "./data-plane/data-plane.ts";
import { ReadStream } from "./data-plane/stream.ts";
import { Upstream } from "./data-plane/upstream.ts";

/** Where each vendor's calls go, and the built-in fake vendors when this is a sandbox. */
export interface Upstreams {
  readonly routes: Readonly<Record<VendorName, VendorRoute>>;
  close(): Promise<void>;
}

/** The only credentials that the built-in fake vendors take: they exist nowhere else. */
export const SANDBOX_SECRETS = {
  stripe: { value: "sk_test_keybrakeSandboxOpensNothingElse", accountId: null },
  twilio: { value: "5a4db0c5a4db0c5a4db0c5a4db0c5a4d", accountId: "AC00000000000000000000000000000001" },
  resend: { value: "re_keybrakeSandboxOpensNothingElse", accountId: null },
} as const satisfies Record<VendorName, { value: string; accountId: string | null }>;

interface Fake {
  readonly url: string;
  close(): Promise<void>;
}

const FAKES: Readonly<Record<VendorName, () => Promise<Fake>>> = {
  stripe: () => openFakeStripe({ host: "127.0.0.1", port: 0, secretKeys: [SANDBOX_SECRETS.stripe.value] }),
  twilio: () =>
    openFakeTwilio({
      host: "127.0.0.1",
      port: 0,
      accountSid: SANDBOX_SECRETS.twilio.accountId,
      authToken: SANDBOX_SECRETS.twilio.value,
    }),
  resend: () => openFakeResend({ host: "127.0.0.1", port: 0, apiKey: SANDBOX_SECRETS.resend.value }),
};

/** Opens the upstreams: an explicit URL first, then the sandbox, then the vendor's own addresses. */
export async function openUpstreams(config: Config): Promise<Upstreams> {
  const fakes: Fake[] = [];
  const routes: Partial<Record<VendorName, VendorRoute>> = {};
  for (const name of VENDOR_NAMES) {
    const explicit = config.upstreamUrls[name];
    const fake = explicit === null && config.isSandbox ? await FAKES[name]() : null;
    if (fake !== null) fakes.push(fake);
    routes[name] = openRoute(name, explicit ?? fake?.url ?? null);
  }
  return {
    routes: routes as Record<VendorName, VendorRoute>,
    close: async () => {
      const hosts = Object.values(routes).flatMap((route) => [...route.hosts.values()]);
      for (const host of new Set(hosts)) {
        await host.upstream.close();
        host.stream.close();
      }
      for (const fake of fakes) await fake.close();
    },
  };
}

/** With an origin given, all of the vendor's hosts are there, told apart by their prefix. */
function openRoute(name: VendorName, origin: string | null): VendorRoute {
  const vendor = VENDORS[name];
  const shared = origin === null ? null : openHost(origin, "");
  const hosts = Object.entries(vendor.hosts).map(
    ([host, at]) => [host, shared ?? openHost(at.origin, at.prefix)] as const,
  );
  return { vendor, hosts: new Map(hosts) };
}

function openHost(origin: string, prefix: string): HostRoute {
  return { upstream: new Upstream(origin), stream: new ReadStream(origin), prefix };
}
