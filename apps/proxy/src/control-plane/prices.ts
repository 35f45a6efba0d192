import {
  isDenial,
  KeybrakeError,
  priceReadsOf,
  refreshTwilioPrices,
  renderTwilioPrices,
  type VendorAnswer,
  type VendorRead,
} from "@keybrake/core";
import type { DataPlane } from "../data-plane/data-plane.ts";
import { readVendorAsOwner } from "../data-plane/vendor-read.ts";
import type { SecretRecord } from "../secrets/secret-rows.ts";
import type { EnvelopeSecretStore } from "../secrets/secret-store.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { ProblemError } from "./problem.ts";

/** The operation that makes a price table from Twilio's own prices. Changes nothing: the operator keeps the file. */
export function mountPrices(api: AdminApi, plane: DataPlane, secrets: EnvelopeSecretStore): void {
  mount(api, "refreshPrices", async ({ body }) => {
    const secret = await secrets.find(body.secret);
    if (secret?.vendor !== "twilio") {
      throw new ProblemError("unknown_secret", { detail: `there is no secret \`${body.secret}\` of twilio` });
    }
    const answers: [VendorAnswer, VendorAnswer, VendorAnswer][] = [];
    for (const country of new Set(body.countries)) {
      const [messaging, voice, numbers] = priceReadsOf(country);
      answers.push([
        await ask(plane, secret, messaging),
        await ask(plane, secret, voice),
        await ask(plane, secret, numbers),
      ]);
    }
    const { prices, problems } = refreshTwilioPrices(plane.prices.twilio, answers, plane.clock.today());
    return reply(200, { table: { ...renderTwilioPrices(prices) }, problems: [...problems] });
  });
}

async function ask(plane: DataPlane, secret: SecretRecord, read: VendorRead): Promise<VendorAnswer> {
  const answer = await readVendorAsOwner(
    plane,
    {
      route: plane.routes.twilio,
      secretId: secret.id,
      accountId: secret.accountId,
      purpose: "read to refresh prices",
    },
    read,
  ).catch((error: unknown) => {
    if (error instanceof KeybrakeError)
      throw new ProblemError("records_unreadable", { detail: error.message });
    throw error;
  });
  if (answer === "stale")
    throw new ProblemError("records_unreadable", { detail: "the read was not decided" });
  if (isDenial(answer)) throw new ProblemError("records_unreadable", { detail: answer.reason });
  return answer;
}
