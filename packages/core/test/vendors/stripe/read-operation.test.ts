import { describe, expect, it } from "vitest";
import type { Method } from "../../../src/endpoint.ts";
import { judge, operationOf, requestOf } from "../../stripe-requests.ts";

const CREATE = "/v1/payment_intents";

/** A payment intent whose body is a valid one with something added. */
function create(added: string, more: Parameters<typeof requestOf>[3] = {}) {
  return requestOf("POST", CREATE, `amount=100&currency=usd${added}`, more);
}

describe("readStripeOperation", () => {
  it("reads all that policy and ledger need", () => {
    const form =
      "amount=100&currency=usd&customer=cus_1&metadata[agent_id]=billing&metadata[order]=7&description=metadata%5Bx%5D";
    const request = requestOf("POST", CREATE, form, { idempotencyKey: "key-1", query: "" });
    expect(operationOf(request)).toMatchObject({
      vendor: "stripe",
      method: "POST",
      path: CREATE,
      query: "",
      endpoint: { operation: "payment_intents.create", accounted: true, direction: "in" },
      price: { kind: "known", amount: 100n, currency: "usd", micros: 1_000_000n },
      exposureId: null,
      account: null,
      demands: [],
      customers: { named: ["cus_1"], owned: [], isOpen: false },
      host: "main",
      contentType: "application/x-www-form-urlencoded",
      customerId: "cus_1",
      idempotencyKey: "key-1",
      metadata: new Map([
        ["agent_id", "billing"],
        ["order", "7"],
      ]),
    });
  });

  it("reads a free read", () => {
    expect(
      operationOf(requestOf("GET", "/v1/charges", "", { query: "limit=3&starting_after=ch_1" })),
    ).toMatchObject({
      query: "limit=3&starting_after=ch_1",
      endpoint: { operation: "charges.list", accounted: false },
      price: { kind: "free" },
      metadata: new Map(),
    });
  });

  it.each([
    ["/v1/customers/cus_1", "", "cus_1"],
    ["/v1/customers/cus_1", "customer=cus_2", "cus_1"],
    ["/v1/payment_intents", "amount=1&currency=usd&customer=cus_2", "cus_2"],
    ["/v1/payment_intents", "amount=1&currency=usd", null],
  ])("finds the customer of POST %s with `%s`", (path, form, customerId) => {
    expect(operationOf(requestOf("POST", path, form)).customerId).toBe(customerId);
  });

  it.each([
    ["50 labels at most", Array.from({ length: 60 }, (_, index) => `&metadata[k${index}]=v`).join(""), 50],
    ["no label of 41 characters", `&metadata[${"k".repeat(41)}]=v`, 0],
    ["a label of 40 characters", `&metadata[${"k".repeat(40)}]=v`, 1],
    ["no nested label", "&metadata[a][b]=v", 0],
    ["no nameless label", "&metadata[]=v", 0],
    ["no other object's label", "&payment_intent_data[metadata][a]=v", 0],
  ])("records %s", (_what, added, count) => {
    expect(operationOf(create(added)).metadata.size).toBe(count);
  });

  it("keeps a label whose name every object has as plain data", () => {
    const { metadata } = operationOf(create("&metadata[__proto__]=x&metadata[constructor]=y"));
    expect([...metadata]).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });
});

describe("G1: a field that decides about money is understood in its one exact spelling only", () => {
  it.each([
    "amount=1&amount=99999",
    "amount[]=1",
    "amount[0]=1",
    "amount=1&amount[]=9",
    "amount[]=1&amount[]=9",
    "amount=1&Amount=9",
    "Amount=1",
    "AMOUNT=1",
    "amount%00=1",
    "amount=1%00",
    " amount=1",
    "amount =1",
    "+amount=1",
    "amount+=1",
    "%20amount=1",
    "amount%0a=1",
    "amount=1&%61mount=9",
    "%EF%BB%BFamount=1",
    "\ufeffamount=1",
    "[amount]=1",
    "amount]=1",
    "amount[=1",
    "amount[value]=1",
    "amount=1&amount[currency]=usd",
    "amount=1;amount=9",
    "description=x;amount=99999&amount=1",
    "amount=1& amount=9",
    "amount=1&+amount=9",
    "amount=1&",
    "amount=1&&x=2",
    "amount=1&x=%zz",
    "amount=1&x=%FF",
    "amount=1&Customer=cus_2",
    "amount=1&customer=cus_1&customer[]=cus_2",
    "amount=1&On_behalf_of=acct_1",
    "amount=1&Transfer_data[destination]=acct_1",
    "amount=1&Application_fee_amount=5",
    "amount=1&Metadata[a]=b",
    "amount=1&Expand[]=customer",
    "amount=1&Destination=acct_1",
    "amount=1&Charge=ch_1",
    "amount=1&Payment_Intent=pi_1",
    "amount=1&Refund_Application_Fee=true",
    "amount=1&Currency=jpy",
  ])("G1: refuses `%s`", (form) => {
    expect(judge(requestOf("POST", CREATE, `${form}&currency=usd`))).not.toBe("allow");
  });

  it.each([
    "currency=usd&currency=jpy",
    "currency=usd&Currency=jpy",
    "currency[]=usd",
    "currency=usd&currency[]=jpy",
    "currency=usd&%63urrency=jpy",
  ])("P1: refuses two currencies: `%s`", (form) => {
    expect(judge(requestOf("POST", CREATE, `amount=100&${form}`))).toBe("request_ambiguous");
  });

  it("G1: takes the decoded name for the field, so that `%61mount` counts as the amount", () => {
    expect(operationOf(requestOf("POST", CREATE, "%61mount=900&currency=usd")).price).toMatchObject({
      amount: 900n,
    });
  });

  it("G1: lets a list pass that decides nothing", () => {
    expect(judge(create("&payment_method_types[]=card&payment_method_types[]=link"))).toBe("allow");
  });
});

describe("G2: an amount is a positive whole number in plain digits", () => {
  const AMOUNTS = [
    "",
    "0",
    "00",
    "1e3",
    "1E3",
    "0x10",
    "0b1",
    "0o7",
    "01",
    "+1",
    "%2B1",
    "-1",
    "-0",
    "1.5",
    "1.0",
    "1,000",
    "1_000",
    "+1+",
    "%201",
    "1%20",
    "1%0A",
    "１００",
    "%EF%BC%91",
    "٣",
    "Infinity",
    "NaN",
    "null",
    "true",
    "9007199254740993",
    "1000000000000",
    "9".repeat(30),
    "1%002",
    "100usd",
  ];

  it.each(AMOUNTS)("G2: refuses the amount `%s`", (amount) => {
    expect(judge(requestOf("POST", CREATE, `amount=${amount}&currency=usd`))).toMatch(/^request_/);
  });

  it.each(AMOUNTS)("G2: refuses the amount `%s` to capture, to confirm and to refund", (amount) => {
    const forms = [
      ["/v1/payment_intents/pi_1/capture", `amount_to_capture=${amount}`],
      ["/v1/payment_intents/pi_1/confirm", `amount_to_confirm=${amount}`],
      ["/v1/charges/ch_1/capture", `amount=${amount}`],
      ["/v1/refunds", `charge=ch_1&amount=${amount}`],
      ["/v1/transfers", `amount=${amount}&currency=usd&destination=acct_1`],
    ] as const;
    for (const [path, form] of forms) expect(judge(requestOf("POST", path, form))).toMatch(/^request_/);
  });

  it.each(["1", "999999999999", "%31"])("reads the amount `%s`", (amount) => {
    const price = operationOf(requestOf("POST", CREATE, `amount=${amount}&currency=usd`)).price;
    expect(price).toMatchObject({ kind: "known", amount: BigInt(decodeURIComponent(amount)) });
  });
});

describe("G4, G5: a body is the one media type of its endpoint", () => {
  it.each([
    null,
    "",
    "application/json",
    "text/plain",
    "text/plain; x=application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "application/x-www-form-urlencoded; charset=utf-7",
    "application/x-www-form-urlencoded; charset=ibm037",
    "application/x-www-form-urlencoded; charset=utf-16",
    "application/x-www-form-urlencoded; charset=iso-8859-1",
    "application/x-www-form-urlencoded; charset=utf-8; charset=utf-7",
    "application/x-www-form-urlencoded, application/json",
    "application/x-www-form-urlencoded;",
    "application/x-www-form-urlencoded; boundary=x",
    " application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded\n",
    "application/x-www-form-urlencoded2",
    "x-application/x-www-form-urlencoded",
  ])("G5: refuses a form labeled %j", (contentType) => {
    expect(judge(create("", { contentType }))).toBe("request_malformed");
  });

  it.each([
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=utf-8",
    "application/x-www-form-urlencoded;charset=UTF-8",
    "Application/X-WWW-Form-URLEncoded",
  ])("accepts a form labeled %j", (contentType) => {
    expect(judge(create("", { contentType }))).toBe("allow");
  });

  it.each([
    '{"amount":100,"currency":"usd"}',
    '{"amount":1,"amount":99999,"currency":"usd"}',
    '{"amou\\u006et":100,"currency":"usd"}',
    '{"amount":1e400,"currency":"usd"}',
    '{"__proto__":{"amount":100},"currency":"usd"}',
    '[{"amount":100}]',
  ])("G4: refuses the JSON body %s, whatever it is labeled", (body) => {
    for (const contentType of ["application/json", "application/x-www-form-urlencoded", "text/plain", null]) {
      expect(judge(requestOf("POST", CREATE, body, { contentType }))).not.toBe("allow");
    }
  });

  it("G5: refuses a multipart body that is labeled as a form", () => {
    const body = '--x\r\nContent-Disposition: form-data; name="amount"\r\n\r\n100\r\n--x--\r\n';
    expect(judge(requestOf("POST", CREATE, body))).not.toBe("allow");
  });

  it.each([
    ["UTF-16", Buffer.from("amount=100&currency=usd", "utf16le")],
    ["a lone byte", Buffer.from([...Buffer.from("amount=100&currency=usd&x="), 0xff])],
    ["an encoded surrogate", Buffer.from([...Buffer.from("amount=100&currency=usd&x="), 0xed, 0xa0, 0x80])],
    ["gzip", Buffer.from("1f8b0800000000000003", "hex")],
    [
      "a byte order mark",
      Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from("amount=100&currency=usd")]),
    ],
  ])("G4: refuses a body of %s", (_what, body) => {
    expect(judge(requestOf("POST", CREATE, "x", { body }))).toMatch(/^request_/);
  });

  it("needs no label for an empty body", () => {
    expect(judge(requestOf("POST", "/v1/payment_intents/pi_1/cancel"))).toBe("allow");
    expect(
      judge(requestOf("POST", "/v1/payment_intents/pi_1/cancel", "", { contentType: "text/plain" })),
    ).toBe("allow");
  });

  it.each<[Method, string]>([
    ["POST", "/v2/core/nonsense"],
    ["POST", "/v2/money_management/outbound_payments"],
    ["DELETE", "/v2/core/nonsense/x_1"],
  ])("G4: refuses %s %s without a price, whatever the allowlist says", (method, path) => {
    const json = { contentType: "application/json", body: Buffer.from('{"amount":{"value":1}}') };
    expect(judge(requestOf(method, path, "", json))).toBe("unpriced");
  });

  it.each<Method>(["GET", "HEAD"])("E10: refuses a %s with a body", (method) => {
    expect(judge(requestOf(method, "/v1/charges", "amount=1"))).toBe("request_malformed");
    expect(judge(requestOf(method, "/v1/charges", "", { body: Buffer.from(" ") }))).toBe("request_malformed");
  });
});

describe("G1: nothing that matters stands in a query beside a body", () => {
  it.each([
    "amount=99999",
    "Amount=99999",
    "amount[]=99999",
    "%61mount=99999",
    "AMOUNT[x]=1",
    "amount%20[x]=1",
    "amount_to_capture=1",
    "amount_to_confirm=1",
    "currency=jpy",
    "customer=cus_2",
    "charge=ch_2",
    "payment_intent=pi_2",
    "on_behalf_of=acct_1",
    "application_fee_amount=1",
    "refund_application_fee=true",
    "transfer_data[destination]=acct_1",
    "destination=acct_1",
    "metadata[agent_id]=other",
    "expand[]=customer",
    "description=twice",
    "Description=twice",
    "description[]=twice",
    "x=1;amount=99999",
    "x=1&x=2",
    "_method=DELETE",
    "x=%zz",
    "&",
  ])("G1: refuses the query `%s` on a write", (query) => {
    expect(judge(create("&description=once", { query }))).toBe("request_ambiguous");
  });

  it("G1: refuses a name in the query that the body has in other letters", () => {
    expect(judge(create("&Description=once", { query: "description=twice" }))).toBe("request_ambiguous");
  });

  it.each(["_method=DELETE", "_METHOD=POST", "%5fmethod=DELETE"])(
    "E9: refuses `%s` in a read's query",
    (query) => {
      expect(judge(requestOf("GET", "/v1/charges", "", { query }))).toBe("request_ambiguous");
    },
  );

  it("E9: refuses `_method` in a body", () => {
    expect(judge(create("&_method=DELETE"))).toBe("request_ambiguous");
  });

  it.each([
    "customer=cus_1&limit=3",
    "created[gte]=1&created[lt]=2",
    "query=status%3A%27active%27",
    "starting_after=ch_1",
  ])("lets a read's query `%s` pass, because it decides nothing", (query) => {
    expect(judge(requestOf("GET", "/v1/charges", "", { query }))).toBe("allow");
  });

  it.each(["limit=1&limit=2", "limit=%zz", "x=1;y=2"])(
    "refuses a read's query `%s` that two readers read differently",
    (query) => {
      expect(judge(requestOf("GET", "/v1/charges", "", { query }))).toBe("request_ambiguous");
    },
  );
});

describe("G10: an oversized body is refused", () => {
  it.each([
    ["100,000 fields", `amount=100&currency=usd${"&a=1".repeat(100_000)}`],
    ["a depth of 10,000", `amount=100&currency=usd&a${"[b]".repeat(10_000)}=1`],
    ["a name of 5 MB", `amount=100&currency=usd&${"a".repeat(5_000_000)}=1`],
  ])("G10: %s", (_what, form) => {
    expect(judge(requestOf("POST", CREATE, form))).toBe("request_ambiguous");
  });
});
