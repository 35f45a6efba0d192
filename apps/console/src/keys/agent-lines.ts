import {
  AGENT_VARIABLES,
  assignVaultKeyVariables,
  BASE_URL_VARIABLES,
  PLACEHOLDER_KEY,
  PLACEHOLDER_VARIABLES,
} from "@keybrake/client";
import type { VendorName } from "../vendors.ts";

/** What an agent's process must be told to use a key. */
export interface AgentSetup {
  readonly agentId: string;
  readonly crewRunId: string | null;
  readonly vendor: VendorName;
  /** Every vendor that the agent has keys for, this one among them: with several, each key has a name of its own. */
  readonly vendors: readonly VendorName[];
  readonly vaultKey: string;
  /** Where the vendor's SDK finds the proxy. */
  readonly baseUrl: string;
  /** The vendor's own account, which Twilio's SDK needs; an identifier and no secret. */
  readonly accountId: string | null;
}

/** One way to use a key: lines for a shell, and the code that then works. */
export interface AgentLines {
  readonly id: "node" | "python" | "crewai";
  readonly title: string;
  readonly install: string;
  readonly shell: string;
  readonly code: string;
}

/** The lines for every way, ready to paste into a POSIX shell. */
export function writeAgentLines(setup: AgentSetup): readonly AgentLines[] {
  const variable = nameVariable(setup);
  const shared = listShared(setup, variable);
  const placeholders = PLACEHOLDER_VARIABLES.filter((name) =>
    name.startsWith(`${setup.vendor.toUpperCase()}_`),
  ).map((name) => exportLine(name, PLACEHOLDER_KEY));
  const preload = `export PYTHONPATH="$(python -m keybrake_crewai --preload-path)"`;
  return [
    {
      id: "node",
      title: "Node",
      install: "npm install @keybrake/client",
      shell: [...shared, exportLine("NODE_OPTIONS", "--import @keybrake/client/register")].join("\n"),
      code: NODE_CODE[setup.vendor](variable),
    },
    {
      id: "python",
      title: "Python",
      install: "pip install keybrake-crewai",
      shell: [...shared, preload].join("\n"),
      code: PYTHON_CODE[setup.vendor](variable),
    },
    {
      id: "crewai",
      title: "CrewAI",
      install: `pip install "keybrake-crewai[crewai]"`,
      shell: [...shared, ...placeholders, preload].join("\n"),
      code: `crew.kickoff()  # the tools of the agent ${setup.agentId} use this key`,
    },
  ];
}

function nameVariable({ agentId, vendor, vendors }: AgentSetup): string {
  const names = assignVaultKeyVariables([{ agentId, vendors: [...new Set([vendor, ...vendors])] }]);
  return names.find((name) => name.vendor === vendor)?.variable ?? "";
}

function listShared(setup: AgentSetup, variable: string): readonly string[] {
  const { vendor, vaultKey, baseUrl, crewRunId, accountId } = setup;
  return [
    exportLine(variable, vaultKey),
    ...BASE_URL_VARIABLES[vendor].map((name) => exportLine(name, baseUrl)),
    ...(vendor === "twilio" && accountId !== null
      ? [exportLine(AGENT_VARIABLES.twilioAccount, accountId)]
      : []),
    ...(crewRunId === null ? [] : [exportLine(AGENT_VARIABLES.crewRunId, crewRunId)]),
  ];
}

function exportLine(name: string, value: string): string {
  return `export ${name}=${/^[A-Za-z0-9_./:@-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`}`;
}

type Code = Readonly<Record<VendorName, (variable: string) => string>>;

const NODE_CODE: Code = {
  stripe: (name) => `import Stripe from "stripe";\nconst stripe = new Stripe(process.env.${name});`,
  twilio: (name) =>
    `import twilio from "twilio";\nconst client = twilio(process.env.TWILIO_ACCOUNT_SID, process.env.${name});`,
  resend: (name) => `import { Resend } from "resend";\nconst resend = new Resend(process.env.${name});`,
};

const PYTHON_CODE: Code = {
  stripe: (name) => `import os, stripe\nstripe.api_key = os.environ["${name}"]`,
  twilio: (name) =>
    `import os\nfrom twilio.rest import Client\nclient = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["${name}"])`,
  resend: (name) => `import os, resend\nresend.api_key = os.environ["${name}"]`,
};
