import { isPhoneNumber } from "./addresses.ts";
import { notFound } from "./error.ts";
import { checkPaging, pageOfMeta } from "./listing.ts";
import { ok, type TwilioCall, type TwilioOperation } from "./operation.ts";
import { COUNTRIES, type CountryPrices, countryOf, listPrice } from "./prices.ts";

/** List and fetch of the countries of one price list. */
function countryRoutes(
  base: string,
  details: (country: CountryPrices) => object,
): Readonly<Record<string, TwilioOperation>> {
  const named = ({ origin }: TwilioCall, { iso, name }: CountryPrices): object => ({
    country: name,
    iso_country: iso,
    url: `${origin}${base}/${iso}`,
  });
  return {
    [`GET ${base}`]: (call) => {
      checkPaging(call);
      return () => ok(pageOfMeta(call, "countries", COUNTRIES, (country) => named(call, country)));
    },
    [`GET ${base}/{}`]: (call) => {
      const country = COUNTRIES.find(({ iso }) => iso === call.ids[0]?.toUpperCase());
      if (country === undefined) throw notFound(call.path);
      return () => ok({ ...named(call, country), price_unit: "USD", ...details(country) });
    },
  };
}

function priced(micros: number): { base_price: string; current_price: string } {
  return { base_price: listPrice(micros), current_price: listPrice(micros) };
}

function messaging({ smsMicros }: CountryPrices): object {
  const prices = ["local", "mobile", "shortcode", "toll free"].map((number_type) => ({
    number_type,
    ...priced(smsMicros),
  }));
  return {
    outbound_sms_prices: [{ carrier: "Other", mcc: "310", mnc: "000", prices }],
    inbound_sms_prices: prices,
  };
}

function voice({ prefix, name, voiceMicros }: CountryPrices): object {
  return {
    outbound_prefix_prices: [
      {
        destination_prefixes: [prefix.slice(1)],
        origination_prefixes: ["ALL"],
        friendly_name: `Programmable Outbound Minute - ${name}`,
        ...priced(voiceMicros),
      },
    ],
    inbound_call_prices: [{ number_type: "local", ...priced(voiceMicros) }],
  };
}

function phoneNumbers({ numbers }: CountryPrices): object {
  return {
    phone_number_prices: Object.entries(numbers).map(([number_type, micros]) => ({
      number_type,
      ...priced(micros),
    })),
  };
}

const voiceNumber: TwilioOperation = (call) => {
  const number = call.ids[0] ?? "";
  const country = isPhoneNumber(number) ? countryOf(number) : null;
  if (country === null) throw notFound(call.path);
  return () =>
    ok({
      country: country.name,
      iso_country: country.iso,
      destination_number: number,
      origination_number: call.params.text("OriginationNumber") ?? null,
      outbound_call_prices: [{ origination_prefixes: ["ALL"], ...priced(country.voiceMicros) }],
      inbound_call_price: null,
      price_unit: "USD",
      url: `${call.origin}/pricing/v2/Voice/Numbers/${encodeURIComponent(number)}`,
    });
};

/** Price lists. */
export const PRICING_ROUTES: Readonly<Record<string, TwilioOperation>> = {
  ...countryRoutes("/pricing/v1/Messaging/Countries", messaging),
  ...countryRoutes("/pricing/v1/PhoneNumbers/Countries", phoneNumbers),
  ...countryRoutes("/pricing/v2/Voice/Countries", voice),
  "GET /pricing/v2/Voice/Numbers/{}": voiceNumber,
};
