import type { Call } from "@keybrake/client";
import { Link } from "@tanstack/react-router";
import { formatUsd } from "../ui/values.tsx";

/** How each state is drawn: told by its shape, not by its colour alone. */
const MARKS = {
  settled: { shape: "●", tone: "text-good", word: "settled" },
  released: { shape: "○", tone: "text-muted", word: "released" },
  denied: { shape: "✕", tone: "text-warn", word: "denied" },
  unknown: { shape: "?", tone: "text-bad", word: "unknown" },
  reserved: { shape: "◌", tone: "text-muted", word: "on its way" },
} as const;

/**
 * The calls of a run on a line of time, one lane an agent. It is a picture of the list that stands below it, which is
 * what the keyboard and a screen reader get.
 */
export function Lanes({ calls }: { readonly calls: readonly Call[] }) {
  const times = calls.map(({ requested_at }) => Date.parse(requested_at));
  const first = times.at(0) ?? 0;
  const span = Math.max(1, (times.at(-1) ?? 0) - first);
  const agents = [...new Set(calls.map(({ agent_id }) => agent_id ?? "without a valid key"))];
  return (
    <div aria-hidden="true" className="flex flex-col gap-3 p-4">
      {agents.map((agent) => (
        <div key={agent} className="grid items-center gap-x-4 sm:grid-cols-[10rem_1fr]">
          <span className="truncate font-medium">{agent}</span>
          <div className="relative mx-2 h-7 border-line border-b">
            {calls
              .filter(({ agent_id }) => (agent_id ?? "without a valid key") === agent)
              .map((call) => (
                <Mark
                  key={call.id}
                  call={call}
                  percent={((Date.parse(call.requested_at) - first) / span) * 100}
                />
              ))}
          </div>
        </div>
      ))}
      <ul className="flex flex-wrap gap-x-4 text-muted text-xs">
        {Object.values(MARKS).map(({ shape, tone, word }) => (
          <li key={word}>
            <span className={tone}>{shape}</span> {word}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Mark({ call, percent }: { readonly call: Call; readonly percent: number }) {
  const { shape, tone, word } = MARKS[call.state];
  const cost = call.state === "settled" ? formatUsd(call.cost_usd) : (call.denial_code ?? word);
  return (
    <Link
      to="/calls/$id"
      params={{ id: call.id }}
      tabIndex={-1}
      title={`${call.method} ${call.path}: ${cost}`}
      className={`absolute bottom-0.5 -translate-x-1/2 px-0.5 font-bold leading-none hover:text-accent ${tone}`}
      style={{ left: `${percent}%` }}
    >
      {shape}
    </Link>
  );
}
