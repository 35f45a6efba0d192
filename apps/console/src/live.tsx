import type { Call, KeybrakeEvent } from "@keybrake/client";
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useRef, useState } from "react";
import { api } from "./api.ts";

/** `live`: what happens is shown as it happens. `away`: the server does not answer, and it is asked again and again. */
export type LiveState = "connecting" | "live" | "away";

type Listener = (call: Call) => void;
interface Live {
  readonly state: LiveState;
  readonly listeners: Set<Listener>;
}

const REFRESH_EVERY_MS = 1_500;
const RECONNECT_MS_MIN = 1_000;
const RECONNECT_MS_MAX = 15_000;
/** What is read again after an event: the first part of the keys of queries. */
const AFTER_CALL = ["calls", "spend", "activity", "budgets", "agents", "runs", "vendor-quota"];
const AFTER_CHANGE = ["vault-keys", "kill-switch", "budgets", "agents", "runs", "secrets"];
const AFTER_ALERT = ["alerts"];
const AFTER_GAP = [...new Set([...AFTER_CALL, ...AFTER_CHANGE, ...AFTER_ALERT])];

const LiveContext = createContext<Live>({ state: "connecting", listeners: new Set() });

/** Follows the server's events while the page is open, and has what they make old read again. */
export function LiveProvider({ children }: { readonly children: ReactNode }) {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>("connecting");
  const [listeners] = useState(() => new Set<Listener>());
  useEffect(() => {
    const controller = new AbortController();
    const refresher = new Refresher(client);
    void follow(controller.signal, refresher, listeners, setState);
    return () => {
      controller.abort();
      refresher.stop();
    };
  }, [client, listeners]);
  return <LiveContext value={{ state, listeners }}>{children}</LiveContext>;
}

/** Whether events arrive. */
export function useLiveState(): LiveState {
  return useContext(LiveContext).state;
}

/** Calls `listener` with every call that is decided or gets its outcome from now on. */
export function useLiveCalls(listener: Listener): void {
  const { listeners } = useContext(LiveContext);
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => {
    const tell: Listener = (call) => latest.current(call);
    listeners.add(tell);
    return () => void listeners.delete(tell);
  }, [listeners]);
}

async function follow(
  signal: AbortSignal,
  refresher: Refresher,
  listeners: ReadonlySet<Listener>,
  setState: (state: LiveState) => void,
): Promise<void> {
  let waitMs = RECONNECT_MS_MIN;
  while (!signal.aborted) {
    try {
      for await (const event of api.events({ signal, onOpen: () => setState("live") })) {
        waitMs = RECONNECT_MS_MIN;
        if (event.event === "call") for (const listener of listeners) listener(event.data);
        refresher.mark(madeOld(event));
      }
    } catch {
      // The server is away or has ended the stream: both are told by the state, and end by asking again.
    }
    if (signal.aborted) return;
    setState("away");
    await delay(waitMs, signal);
    waitMs = Math.min(RECONNECT_MS_MAX, waitMs * 2);
    // Nothing is replayed: what happened in between is read.
    refresher.mark(AFTER_GAP);
  }
}

function madeOld({ event }: KeybrakeEvent): readonly string[] {
  if (event === "call") return AFTER_CALL;
  if (event === "change") return AFTER_CHANGE;
  return event === "skipped" ? AFTER_CALL : AFTER_ALERT;
}

/** Has queries read again, at most once in a while however many events come. */
class Refresher {
  readonly #client: QueryClient;
  readonly #old = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: QueryClient) {
    this.#client = client;
  }

  mark(names: readonly string[]): void {
    for (const name of names) this.#old.add(name);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const name of this.#old) void this.#client.invalidateQueries({ queryKey: [name] });
      this.#old.clear();
    }, REFRESH_EVERY_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
