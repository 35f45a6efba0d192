import { type Denial, deny } from "../../denial.ts";
import type { FormField } from "../../form.ts";

/** A URL that every reader splits at the same places: no user, no escape or bracket in its host, no backslash. */
const URL_SHAPE = /^https?:\/\/([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::[0-9]{1,5})?(?:[/?#]|$)/i;
/** The names of Twilio's parameters that hold a URL which it will call or fetch: `VoiceUrl`, `StatusCallback`, … */
const URL_NAME = /(?:url|uri|callback|webhook)$/i;
/** Parameters that hide such URLs behind an object of the account. */
const HIDING_NAME = /^(?:.*ApplicationSid|TrunkSid)$/;

/** The lower-case host of a URL; null when it is no plain `http` or `https` URL. */
export function readUrlHost(url: string): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: readers differ about exactly these
  if (/[\u0000-\u0020\u007f\\]/.test(url)) return null;
  return URL_SHAPE.exec(url)?.[1]?.toLowerCase() ?? null;
}

/**
 * The hosts of all URLs that Twilio would call or fetch for a request. An object that hides such URLs (an application,
 * a trunk) is refused: nobody can say here where it points.
 */
export function readCallbackHosts(fields: readonly FormField[]): readonly string[] | Denial {
  const hosts = new Set<string>();
  for (const { name, value } of fields) {
    if (value === "") continue;
    if (HIDING_NAME.test(name)) {
      return deny(
        "destination_not_allowed",
        `\`${name}\` hides the URLs that Twilio calls: name them in the request (\`Url\`, \`StatusCallback\`)`,
      );
    }
    if (!URL_NAME.test(name)) continue;
    const host = readUrlHost(value);
    if (host === null)
      return deny("request_malformed", `\`${name}\` must be a plain URL, as \`https://example.com/x\``);
    hosts.add(host);
  }
  return [...hosts];
}
