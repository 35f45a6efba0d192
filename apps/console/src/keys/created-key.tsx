import { Link } from "@tanstack/react-router";
import { buttonClass } from "../ui/button.tsx";
import { CopyButton } from "../ui/copy-button.tsx";
import { Card } from "../ui/page.tsx";
import { ShownOnce } from "../ui/shown-once.tsx";
import { Tabs } from "../ui/tabs.tsx";
import { type AgentSetup, writeAgentLines } from "./agent-lines.ts";

/** A new key, which stands in this page's memory alone, and the lines with which an agent uses it. */
export function CreatedKey({ id, setup }: { readonly id: string; readonly setup: AgentSetup }) {
  return (
    <Card title={`Vault key of ${setup.agentId}`}>
      <div className="flex flex-col gap-4 p-4">
        <ShownOnce what="vault key" value={setup.vaultKey} />
        <p>
          Paste these lines where the agent runs. They hold the key: keep them out of chats, tickets and
          repositories.
        </p>
        <Tabs
          label="How the agent is written"
          tabs={writeAgentLines(setup).map(({ id: tab, title, install, shell, code }) => ({
            id: tab,
            title,
            content: (
              <div className="flex flex-col gap-4">
                <Lines title="Once" text={install} what={`the ${title} installation`} />
                <Lines title="Environment" text={shell} what={`the ${title} environment`} />
                <Lines title="Code" text={code} what={`the ${title} code`} />
              </div>
            ),
          }))}
        />
        <div className="flex flex-wrap gap-2">
          <Link to="/keys/$id" params={{ id }} className={buttonClass("primary")}>
            I have it: show the key's page
          </Link>
        </div>
      </div>
    </Card>
  );
}

function Lines({
  title,
  text,
  what,
}: {
  readonly title: string;
  readonly text: string;
  readonly what: string;
}) {
  return (
    <section aria-label={what} className="flex flex-col gap-1">
      <div className="flex items-center justify-between gap-2">
        <h3 className="font-medium">{title}</h3>
        <CopyButton text={text} what={what} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre tabIndex={0} className="overflow-x-auto rounded-md bg-raised p-3 font-mono text-xs">
        {text}
      </pre>
    </section>
  );
}
