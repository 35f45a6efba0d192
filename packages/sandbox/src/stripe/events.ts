import { API_VERSION, type StripeCall } from "./account.ts";
import { invalidRequest, noSuch } from "./error.ts";
import { listObjects } from "./listing.ts";
import type { EventRecord } from "./objects.ts";
import { text, texts } from "./parameters.ts";

/** The endpoints below `/v1/events`. */
export const EVENT_OPERATIONS = {
  "events.retrieve": retrieveEvent,
  "events.list": listEvents,
} as const;

function retrieveEvent(call: StripeCall): object {
  const event = call.account.events.get(call.id);
  if (event === undefined) throw noSuch("event", call.id, "id", 404);
  return render(event);
}

function listEvents(call: StripeCall): object {
  const type = text(call.params, "type");
  const types = texts(call.params, "types");
  if (type !== undefined && types.length > 0) {
    throw invalidRequest("You may only specify one of these parameters: type, types.", {
      code: "parameters_exclusive",
    });
  }
  const wanted = type === undefined ? types : [type];
  const page = listObjects(call, call.account.events, {
    url: "/v1/events",
    kind: "event",
    ranges: ["created"],
    filter: (event) => wanted.length === 0 || wanted.some((pattern) => matchesType(event.type, pattern)),
  });
  return { ...page, data: page.data.map(render) };
}

function render(event: EventRecord): object {
  return {
    id: event.id,
    object: "event",
    api_version: API_VERSION,
    created: event.created,
    data: {
      object: event.object,
      ...(event.previous === null ? {} : { previous_attributes: event.previous }),
    },
    livemode: false,
    pending_webhooks: 0,
    request: { id: event.requestId, idempotency_key: event.idempotencyKey },
    type: event.type,
  };
}

/** `charge.*` stands for every type below `charge.`, `*` for all. */
function matchesType(type: string, pattern: string): boolean {
  return pattern.endsWith("*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
