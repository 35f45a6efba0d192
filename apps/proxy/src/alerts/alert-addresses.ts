import { lookup as resolve } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

/** Clouds keep credentials of the machine there. These are no link-local addresses, so they are named. */
const METADATA = ["fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"].map(
  (address) => ipaddr.process(address).toString(),
);
/** What a host may have that the server's settings name. Link-local addresses are not among them. */
const PRIVATE = new Set(["private", "uniqueLocal", "loopback", "carrierGradeNat"]);
const GLOBAL_UNICAST = ipaddr.parseCIDR("2000::/3") as [ipaddr.IPv6, number];

/** The `code` of the error that ends a connection to an address to which alerts may not go. */
export const ADDRESS_REFUSED = "KEYBRAKE_ADDRESS_REFUSED";

/**
 * Where alerts may be sent: over https to public addresses, and to the hosts that the server's own settings name also
 * over http and to private addresses. Never to link-local addresses and those of clouds' metadata services. So an admin
 * token alone opens no way into the network behind the server.
 */
export class AlertAddresses {
  readonly #privateHosts: ReadonlySet<string>;

  /** `privateHosts` are `host` or `host:port`, as in a URL. */
  constructor(privateHosts: readonly string[]) {
    this.#privateHosts = new Set(privateHosts);
  }

  /** Why alerts may not go to an address, as far as that can be said without resolving its name; null = they may. */
  findProblem(url: URL): string | null {
    if (url.username !== "" || url.password !== "") return "must hold no user name and no password";
    if (!this.#isPrivateHost(url) && url.protocol !== "https:")
      return "must start with https://, unless KEYBRAKE_ALERT_PRIVATE_HOSTS names its host";
    const host = hostOf(url);
    if (isIP(host) === 0 || this.#mayReach(url, host)) return null;
    return "must be a public address, unless KEYBRAKE_ALERT_PRIVATE_HOSTS names it";
  }

  /**
   * Resolves names for connections that carry alerts to one URL: the addresses that are checked are those that are
   * connected to. One that is refused refuses them all.
   */
  lookupFor(url: URL): LookupFunction {
    return (hostname, options, callback) => {
      resolve(hostname, { ...options, all: true }, (error, addresses) => {
        if (error !== null) return callback(error, "");
        const [first] = addresses;
        if (first === undefined || addresses.some(({ address }) => !this.#mayReach(url, address)))
          return callback(Object.assign(new Error("address refused"), { code: ADDRESS_REFUSED }), "");
        if (options.all === true) callback(null, addresses);
        else callback(null, first.address, first.family);
      });
    };
  }

  #isPrivateHost(url: URL): boolean {
    return this.#privateHosts.has(url.hostname) || this.#privateHosts.has(`${url.hostname}:${portOf(url)}`);
  }

  #mayReach(url: URL, text: string): boolean {
    if (!ipaddr.isValid(text)) return false;
    const address = ipaddr.process(text);
    if (METADATA.includes(address.toString())) return false;
    const range = address.range();
    if (PRIVATE.has(range)) return this.#isPrivateHost(url);
    return range === "unicast" && (address.kind() === "ipv4" || address.match(...GLOBAL_UNICAST));
  }
}

function portOf(url: URL): string {
  if (url.port !== "") return url.port;
  return url.protocol === "https:" ? "443" : "80";
}

/** The host as it is connected to: an IPv6 address without its brackets. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}
