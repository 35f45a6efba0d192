import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CrewError, readCrew } from "../src/index.ts";

let root = "";
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), "keybrake-projects-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function project(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(path.join(root, "project-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

const crewOf = (files: Readonly<Record<string, string>>) => readCrew(project(files));
const idsOf = (files: Readonly<Record<string, string>>) =>
  crewOf(files)?.agents.map(({ agentId }) => agentId);
const problemsOf = (files: Readonly<Record<string, string>>) => {
  try {
    crewOf(files);
  } catch (error) {
    if (error instanceof CrewError) return { code: error.code, problems: error.problems };
    throw error;
  }
  return null;
};

const DEFINED = '[tool.crewai]\ntype = "crew"\ndefinition = "crew.jsonc"\n';

describe("a classic crew", () => {
  // As `crewai create crew --classic` writes it: the role is folded text with a line end.
  const AGENTS = `
researcher:
  role: >
    {topic} Senior Data Researcher
  goal: >
    Uncover developments
Refund-Agent: { role: Refunds }
`;

  test("has the agents of its agents.yaml, by the names there", () => {
    const files = {
      "src/latest/config/agents.yaml": AGENTS,
      "pyproject.toml": '[tool.crewai]\ntype = "crew"\n',
    };
    expect(crewOf(files)).toEqual({
      layout: "classic",
      agents: [
        {
          agentId: "researcher",
          name: "researcher",
          role: "{topic} Senior Data Researcher",
          file: "src/latest/config/agents.yaml",
        },
        {
          agentId: "Refund-Agent",
          name: "Refund-Agent",
          role: "Refunds",
          file: "src/latest/config/agents.yaml",
        },
      ],
    });
  });

  test("of a flow is all of its crews, each agent once", () => {
    const files = {
      "src/flow/crews/one/config/agents.yaml": "writer: { role: A }\nbilling_agent: { role: B }\n",
      "src/flow/crews/two/config/agents.yml": "billing_agent: { role: B }\nops: { role: C }\n",
    };
    expect(idsOf(files)).toEqual(["writer", "billing_agent", "ops"]);
  });

  test("may lie beside its program, without a src", () => {
    expect(idsOf({ "config/agents.yaml": "ops: { role: A }\n" })).toEqual(["ops"]);
  });

  test("is not looked for in what was installed", () => {
    const agents = "stranger: { role: A }\n";
    const installed = {
      "env/pyvenv.cfg": "",
      "env/lib/crew/config/agents.yaml": agents,
      ".venv/lib/crew/config/agents.yaml": agents,
      "node_modules/crew/config/agents.yaml": agents,
      "docs/agents.yaml": agents,
    };
    expect(crewOf(installed)).toBeNull();
  });

  test("has names of which no id can be made as they are, and others as far as they go", () => {
    expect(idsOf({ "config/agents.yaml": "Billing Agent: {}\n請求: {}\n" })).toEqual(["billing_agent", null]);
    expect(idsOf({ "config/agents.yaml": "" })).toEqual([]);
  });

  test("that cannot be understood is refused by its file", () => {
    expect(problemsOf({ "src/a/config/agents.yaml": "a: [1" })).toMatchObject({
      code: "crew_unreadable",
      problems: [expect.stringContaining("`src/a/config/agents.yaml`")],
    });
    expect(problemsOf({ "src/a/config/agents.yaml": "[a, b]" })?.code).toBe("crew_unreadable");
    expect(problemsOf({ "pyproject.toml": "[tool" })?.problems[0]).toContain("`pyproject.toml`");
  });
});

describe("a crew of JSON files", () => {
  const CREW = `{
  // who works
  "agents": ["billing_agent", "ops",],
  "manager_agent": "chief", /* has no tools */
  "tasks": []
}`;
  const AGENTS = {
    "agents/billing_agent.jsonc": '{ "role": "Billing Agent\\n" }',
    "agents/ops.json": '{ "role": "Ops" }',
    "agents/chief.jsonc": '{ "role": "Chief" }',
    "agents/unused.jsonc": '{ "role": "Nobody" }',
  };

  test("has the agents that it lists, and its manager", () => {
    const crew = crewOf({ "pyproject.toml": DEFINED, "crew.jsonc": CREW, ...AGENTS });
    expect(crew).toMatchObject({ layout: "json" });
    expect(crew?.agents.map(({ agentId, role }) => [agentId, role])).toEqual([
      ["billing_agent", "Billing Agent"],
      ["ops", "Ops"],
      ["chief", "Chief"],
    ]);
  });

  test("is found where pyproject.toml says, with its agents beside it", () => {
    const moved = Object.fromEntries(Object.entries(AGENTS).map(([name, text]) => [`crews/${name}`, text]));
    const defined = DEFINED.replace("crew.jsonc", "crews/main.json");
    expect(idsOf({ "pyproject.toml": defined, "crews/main.json": CREW, ...moved })?.length).toBe(3);
    expect(idsOf({ "crew.json": CREW, ...AGENTS })?.length).toBe(3);
  });

  test("that lacks an agent's file, or is no JSON, is refused", () => {
    expect(problemsOf({ "crew.jsonc": CREW })?.problems).toEqual([
      "the crew's agent `billing_agent` has no file `agents/billing_agent.jsonc`",
      "the crew's agent `ops` has no file `agents/ops.jsonc`",
      "the crew's agent `chief` has no file `agents/chief.jsonc`",
    ]);
    const broken = problemsOf({ "crew.jsonc": '{ "agents": [}', ...AGENTS });
    expect(broken?.problems[0]).toMatch(/`crew\.jsonc`: \w+ in line 1/);
    expect(problemsOf({ "pyproject.toml": DEFINED })?.code).toBe("crew_unreadable");
  });
});

test("a program of another framework has no crew", () => {
  expect(crewOf({ "package.json": "{}", "src/main.ts": "" })).toBeNull();
});
