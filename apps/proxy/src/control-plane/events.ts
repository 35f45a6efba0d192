import type { KeybrakeEvent } from "@keybrake/client/contract";
import type { Response } from "express";
import { authenticationOf } from "./admin-identity.ts";
import type { LiveTail } from "./live-tail.ts";
import { type AdminApi, mountStream } from "./operation-handler.ts";
import { ProblemError } from "./problem.ts";

const READERS_MAX = 64;
const HEARTBEAT_EVERY_MS = 15_000;
/** A reader that lags this far behind is cut off: it would otherwise be kept in this process's memory. */
const UNSENT_BYTES_MAX = 1_048_576;

/** The live tail as server-sent events. */
export function mountEvents(api: AdminApi, tail: LiveTail): void {
  let readers = 0;
  mountStream(api, "streamEvents", async (_asked, { request, response }) => {
    if (readers >= READERS_MAX) {
      const detail = `${READERS_MAX} readers follow already`;
      throw new ProblemError("overloaded", { detail, retryAfterSeconds: 5 });
    }
    readers++;
    try {
      await follow(tail, response, authenticationOf(request).isStillGood);
    } finally {
      readers--;
    }
  });
}

/** Resolves when the reader has left, was cut off, or may not read any more. */
async function follow(
  tail: LiveTail,
  response: Response,
  isStillGood: () => Promise<boolean>,
): Promise<void> {
  const closed = new Promise<void>((resolve) => response.once("close", resolve));
  const unsubscribe = await tail.subscribe((events) => write(response, events.map(renderEvent).join("")));
  const beat = async () => {
    // A database that does not answer has nothing to tell either.
    const isGood = await isStillGood().catch(() => true);
    if (isGood) write(response, ": still here\n\n");
    else response.end();
  };
  const heartbeat = setInterval(() => void beat(), HEARTBEAT_EVERY_MS);
  heartbeat.unref();
  try {
    response.status(200).setHeader("content-type", "text/event-stream");
    // The first bytes tell the reader that nothing will be missed from here on.
    write(response, ": following\n\n");
    await closed;
  } finally {
    clearInterval(heartbeat);
    unsubscribe();
  }
}

function write(response: Response, text: string): void {
  if (response.writableLength > UNSENT_BYTES_MAX) response.destroy();
  else if (!response.destroyed) response.write(text);
}

/** JSON holds no line break, so one data line carries any of it. */
function renderEvent({ event, data }: KeybrakeEvent): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
