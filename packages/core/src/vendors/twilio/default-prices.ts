/**
 * The price table that holds until an operator gives one, in the form of the operator's file. Dollars.
 *
 * These are defaults, not Twilio's word. The figures of the United States were taken from third-party pages of 2026
 * (SMS 0.0083 a segment and up to 0.0062 for the carrier, MMS 0.022, failed message 0.001, voice 0.014 a minute, long
 * code 1.15 and toll-free 2.15 a month). The others are round figures above what was published in earlier years, so
 * that a hold is rather too much than too little. An operator who relies on caps in dollars should read the table
 * from Twilio's pricing API or state it. A country that does not stand here is unpriced; so are calls to most
 * countries, where minutes differ too much by prefix for one figure.
 */
export const DEFAULT_TWILIO_PRICES = {
  as_of: "2026-11-01",
  sms: {
    US: { segment: "0.0083", carrier: "0.0062" },
    CA: { segment: "0.0083", carrier: "0.0085" },
    AT: { segment: "0.12", carrier: "0" },
    AU: { segment: "0.06", carrier: "0" },
    BE: { segment: "0.13", carrier: "0" },
    BR: { segment: "0.075", carrier: "0" },
    CH: { segment: "0.09", carrier: "0" },
    CZ: { segment: "0.09", carrier: "0" },
    DE: { segment: "0.12", carrier: "0" },
    DK: { segment: "0.08", carrier: "0" },
    ES: { segment: "0.1", carrier: "0" },
    FI: { segment: "0.12", carrier: "0" },
    FR: { segment: "0.09", carrier: "0" },
    GB: { segment: "0.06", carrier: "0" },
    IE: { segment: "0.1", carrier: "0" },
    IN: { segment: "0.09", carrier: "0" },
    IT: { segment: "0.11", carrier: "0" },
    JP: { segment: "0.1", carrier: "0" },
    MX: { segment: "0.08", carrier: "0" },
    NL: { segment: "0.13", carrier: "0" },
    NO: { segment: "0.1", carrier: "0" },
    NZ: { segment: "0.14", carrier: "0" },
    PL: { segment: "0.06", carrier: "0" },
    PT: { segment: "0.07", carrier: "0" },
    SE: { segment: "0.08", carrier: "0" },
    SG: { segment: "0.08", carrier: "0" },
  },
  mms: {
    US: { message: "0.022", carrier: "0.01" },
    CA: { message: "0.022", carrier: "0.01" },
    AU: { message: "0.35", carrier: "0" },
  },
  whatsapp: { countries: { US: "0.06", CA: "0.06", BR: "0.09", GB: "0.08", IN: "0.03", MX: "0.07" } },
  rcs: { countries: {} },
  messenger: { any: "0.005", countries: {} },
  template_segments: 10,
  failed_message: "0.001",
  voice: {
    countries: {
      US: "0.014",
      CA: "0.014",
    },
    // Alaska and the north of Canada cost more than the rest of their countries.
    prefixes: { "1907": "0.12", "1867": "0.25" },
    client: "0.004",
    sip: "0.004",
    conference: "0.0018",
  },
  extras: {
    recording_minute: "0.003",
    machine_detection: "0.0075",
    speech_100_characters: "0.0032",
  },
  verify: { verification: "0.05", email: "0" },
  lookup: {
    validation: "0",
    caller_name: "0.01",
    line_type_intelligence: "0.008",
    sim_swap: "0.1",
    call_forwarding: "0.1",
    identity_match: "0.1",
    reassigned_number: "0.04",
    sms_pumping_risk: "0.025",
    line_status: "0.03",
  },
  numbers: {
    US: { local: "1.15", "toll free": "2.15" },
    CA: { local: "1.15", "toll free": "2.15" },
  },
};
