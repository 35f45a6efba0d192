import type { PreparedCall, RestAnswer, RestHouse } from "../rest-call.ts";
import { headerOf, type RefusingFault, type VendorRequest } from "../vendor.ts";
import type { TwilioAccount } from "./account.ts";
import { checkCredential, type TwilioCredentials } from "./credential.ts";
import { badRequest, TwilioError } from "./error.ts";
import { TwilioParameters } from "./parameters.ts";
import { findRoute } from "./router.ts";
import { newSid } from "./sids.ts";

/** Twilio's side of every call. */
export class TwilioHouse implements RestHouse {
  readonly account: TwilioAccount;
  readonly #credentials: TwilioCredentials;

  constructor(account: TwilioAccount, credentials: TwilioCredentials) {
    this.account = account;
    this.#credentials = credentials;
  }

  get writes(): number {
    return this.account.writes;
  }

  newRequestId(): string {
    return newSid("RQ");
  }

  prepare(request: VendorRequest): PreparedCall {
    checkCredential(headerOf(request, "authorization"), this.#credentials);
    const { path } = request;
    const { operation, ids } = findRoute(request.method, path, this.#credentials.accountSid);
    const origin = `http://${headerOf(request, "host") ?? "localhost"}`;
    const params = new TwilioParameters(request);
    const execute = operation({ account: this.account, params, ids, path, origin });
    return { execute, key: null, requestedFault: null };
  }

  refusal(error: unknown): RestAnswer {
    if (!(error instanceof TwilioError)) throw error;
    const challenge = ["WWW-Authenticate", 'Basic realm="Twilio API"'];
    return {
      status: error.status,
      content: error.content(),
      ...(error.status === 401 ? { headers: challenge } : {}),
    };
  }

  faultAnswer(
    fault: Exclude<RefusingFault, "echo_authorization"> | "declined" | "error_500_after",
  ): RestAnswer {
    switch (fault) {
      case "conflict_409":
        return this.refusal(new TwilioError(409, 20409, "The resource is being changed by another request"));
      case "rate_limited_429":
        return this.refusal(new TwilioError(429, 20429, "Too Many Requests"));
      case "declined":
        return this.refusal(badRequest(21610, "Attempt to send to unsubscribed recipient"));
      case "error_500_before":
      case "error_500_after":
        return this.refusal(new TwilioError(500, 20500, "An internal server error has occurred"));
    }
  }

  headers(requestId: string): readonly string[] {
    return ["Twilio-Request-Id", requestId, "Twilio-Request-Duration", "0.001", "X-Powered-By", "Sandbox"];
  }
}
