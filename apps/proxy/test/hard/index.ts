// Figures that take minutes: `npm run test:hard`, or `npm run test:hard -- C8 R2` for those whose name contains one of these.
// Each prints what it measured, the command and the seed; one that is not reached fails the run. `--scale 0.01` measures a
// hundredth of it where it can be divided, to see whether a figure works at all; `--rate 200` slows the soak down.
import { parseArgs } from "node:util";
import { bodies } from "./bodies.ts";
import { canaries } from "./canaries.ts";
import { crashes } from "./crashes.ts";
import { databaseDown } from "./database-down.ts";
import { denialFlood } from "./denial-flood.ts";
import type { Figure } from "./figure.ts";
import { framing } from "./framing.ts";
import { hangingVendor } from "./hanging-vendor.ts";
import { overspending } from "./overspend.ts";
import { randomPaths } from "./random-paths.ts";
import { redisFaults } from "./redis-faults.ts";
import { REVOCATIONS } from "./revocation.ts";
import { slowSenders } from "./slow-senders.ts";
import { soaking } from "./soak.ts";
import { wirePaths } from "./wire-paths.ts";

const FIGURES: readonly Figure[] = [
  overspending,
  crashes,
  redisFaults,
  ...REVOCATIONS,
  databaseDown,
  canaries,
  denialFlood,
  slowSenders,
  hangingVendor,
  framing,
  randomPaths,
  wirePaths,
  bodies,
  soaking,
];

const { values, positionals } = parseArgs({
  options: { seed: { type: "string" }, scale: { type: "string" }, rate: { type: "string" } },
  allowPositionals: true,
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const scale = Number(values.scale ?? 1);
const callsPerSecond = values.rate === undefined ? null : Number(values.rate);
const chosen = FIGURES.filter(
  ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
);
const print = (line: string) => process.stdout.write(`${line}\n`);
if (!Number.isSafeInteger(seed) || !(scale > 0 && scale <= 1) || !((callsPerSecond ?? 1) > 0)) {
  print("--seed is a whole number, --scale a number above 0 and at most 1, --rate a number above 0");
  process.exit(2);
}
if (chosen.length === 0) {
  print(`no figure is called like that; there are: ${FIGURES.map(({ name }) => name).join("; ")}`);
  process.exit(2);
}

interface Row {
  readonly figure: Figure;
  readonly result: "reached" | "NOT REACHED" | "not run";
  readonly measured: string;
}

const rows: Row[] = [];
for (const figure of chosen) {
  print(`${figure.name}: ${figure.goal} …`);
  const startedAtMs = performance.now();
  const row = await measure(figure);
  rows.push(row);
  const tookSeconds = ((performance.now() - startedAtMs) / 1_000).toFixed(0);
  print(`  ${row.result}: ${row.measured} (${tookSeconds} s)`);
}
printTable(rows);
process.exitCode = rows.every(({ result }) => result === "reached") ? 0 : 1;

async function measure(figure: Figure): Promise<Row> {
  const obstacle = figure.findObstacle();
  if (obstacle !== null) return { figure, result: "not run", measured: obstacle };
  try {
    const { isReached, measured } = await figure.run({ seed, scale, callsPerSecond });
    return { figure, result: isReached ? "reached" : "NOT REACHED", measured };
  } catch (error) {
    return {
      figure,
      result: "NOT REACHED",
      measured: error instanceof Error ? error.message : String(error),
    };
  }
}

function printTable(measured: readonly Row[]): void {
  print("\n| figure | goal | result | measured | command |\n|---|---|---|---|---|");
  for (const { figure, result, measured: found } of measured) {
    const options = [`--seed ${seed}`];
    if (scale !== 1) options.push(`--scale ${scale}`);
    if (callsPerSecond !== null) options.push(`--rate ${callsPerSecond}`);
    const command = `npm run test:hard -- "${figure.name}" ${options.join(" ")}`;
    print(
      `| ${[figure.name, figure.goal, result, found.replaceAll(/\s+/g, " "), `\`${command}\``].join(" | ")} |`,
    );
  }
}
