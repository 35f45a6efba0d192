import type { ObjectStore } from "../object-store.ts";
import type { TwilioAccount } from "./account.ts";
import { iso8601 } from "./dates.ts";
import { badRequest, notFound } from "./error.ts";
import { checkPaging, pageOfMeta } from "./listing.ts";
import { created, DELETED, ok, type TwilioCall, type TwilioOperation } from "./operation.ts";
import type { ServiceRecord } from "./records.ts";
import { newSid } from "./sids.ts";

interface ServiceKind {
  /** The path of the collection. */
  readonly base: string;
  readonly sidPrefix: string;
  readonly storeOf: (account: TwilioAccount) => ObjectStore<ServiceRecord>;
}

const VERIFY: ServiceKind = {
  base: "/verify/v2/Services",
  sidPrefix: "VA",
  storeOf: (account) => account.verifyServices,
};

const MESSAGING: ServiceKind = {
  base: "/messaging/v1/Services",
  sidPrefix: "MG",
  storeOf: (account) => account.messagingServices,
};

/** The Verify service that a path names. Throws Twilio's 404. */
export function findVerifyService(call: TwilioCall): ServiceRecord {
  return find(call, VERIFY);
}

function find(call: TwilioCall, kind: ServiceKind): ServiceRecord {
  const service = kind.storeOf(call.account).get(call.ids[0] ?? "");
  if (service === undefined) throw notFound(call.path);
  return service;
}

/** Create, list, fetch and delete of one kind of service. */
function routesOf(kind: ServiceKind): Readonly<Record<string, TwilioOperation>> {
  return {
    [`POST ${kind.base}`]: (call) => {
      const { account, params } = call;
      const friendlyName = params.text("FriendlyName");
      if (friendlyName === undefined) throw badRequest(60200, "Invalid parameter `FriendlyName`: required");
      const codeLength = params.integer("CodeLength", 6, [4, 10]);
      return () => {
        const at = account.now;
        const service = {
          sid: newSid(kind.sidPrefix),
          friendlyName,
          codeLength,
          createdAt: at,
          updatedAt: at,
        };
        return created(rendered(call, kind, kind.storeOf(account).put(service.sid, service)));
      };
    },
    [`GET ${kind.base}`]: (call) => {
      checkPaging(call);
      return () =>
        ok(
          pageOfMeta(call, "services", kind.storeOf(call.account).newestFirst(), (service) =>
            rendered(call, kind, service),
          ),
        );
    },
    [`GET ${kind.base}/{}`]: (call) => {
      const service = find(call, kind);
      return () => ok(rendered(call, kind, service));
    },
    [`DELETE ${kind.base}/{}`]: (call) => {
      const service = find(call, kind);
      return () => {
        kind.storeOf(call.account).delete(service.sid);
        return DELETED;
      };
    },
  };
}

function rendered({ account, origin }: TwilioCall, { base }: ServiceKind, service: ServiceRecord): object {
  return {
    account_sid: account.settings.accountSid,
    code_length: service.codeLength,
    date_created: iso8601(service.createdAt),
    date_updated: iso8601(service.updatedAt),
    friendly_name: service.friendlyName,
    links: {},
    sid: service.sid,
    url: `${origin}${base}/${service.sid}`,
  };
}

/** What can be done with Verify and Messaging services. */
export const SERVICE_ROUTES: Readonly<Record<string, TwilioOperation>> = {
  ...routesOf(VERIFY),
  ...routesOf(MESSAGING),
};
