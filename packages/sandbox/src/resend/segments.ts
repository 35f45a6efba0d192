import { randomUUID } from "node:crypto";
import { noSuch } from "./error.ts";
import { fieldsOf, requiredText } from "./fields.ts";
import { checkPaging, pageOf } from "./listing.ts";
import { created, ok, type ResendCall, type ResendOperation, timeText } from "./operation.ts";
import type { Segment } from "./records.ts";

/** The same objects under both of their names. */
function routesOf(object: "segment" | "audience"): Readonly<Record<string, ResendOperation>> {
  const base = `/${object}s`;
  return {
    [`POST ${base}`]: ({ account, body }) => {
      const name = requiredText(fieldsOf(body), "name");
      return () => {
        const segment: Segment = { id: randomUUID(), name, createdAt: account.now };
        account.segments.put(segment.id, segment);
        return created({ object, id: segment.id, name });
      };
    },
    [`GET ${base}`]: (call) => {
      checkPaging(call);
      return () => pageOf(call, call.account.segments.newestFirst(), summary);
    },
    [`GET ${base}/{}`]: (call) => {
      const segment = findSegment(call, call.ids[0] ?? "");
      return () => ok({ object, ...summary(segment) });
    },
    [`DELETE ${base}/{}`]: (call) => {
      const { id } = findSegment(call, call.ids[0] ?? "");
      return () => {
        call.account.segments.delete(id);
        return ok({ object, id, deleted: true });
      };
    },
  };
}

/** The segment with the id. Throws Resend's 404. */
export function findSegment({ account }: ResendCall, id: string): Segment {
  const segment = account.segments.get(id);
  if (segment === undefined) throw noSuch("Segment");
  return segment;
}

function summary({ id, name, createdAt }: Segment): object {
  return { id, name, created_at: timeText(createdAt) };
}

/** What can be done with segments, and with audiences, which are the same. */
export const SEGMENT_ROUTES: Readonly<Record<string, ResendOperation>> = {
  ...routesOf("segment"),
  ...routesOf("audience"),
};
