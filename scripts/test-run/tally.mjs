// What came of every test, and how it is told.

/**
 * Opens a tally.
 * @returns {Tally}
 * @typedef {{ name: string, message: string }} Failure
 * @typedef {{ name: string, reason: string }} Skip
 * @typedef {{ passed: number, failed: Failure[], skipped: Skip[] }} Outcome
 * @typedef {{ add: (outcome: Partial<Outcome>) => void, print: (write: (line: string) => void) => void,
 *   exitCode: (skipsFail: boolean) => number }} Tally
 */
export function createTally() {
  const sum = { passed: 0, failed: [], skipped: [] };
  return {
    add: ({ passed = 0, failed = [], skipped = [] }) => {
      sum.passed += passed;
      sum.failed.push(...failed);
      sum.skipped.push(...skipped);
    },
    print: (write) => {
      if (sum.failed.length > 0) write("\nfailed:");
      for (const { name, message } of sum.failed) write(`  ${name}: ${message.split("\n")[0]}`);
      if (sum.skipped.length > 0) write("\nskipped:");
      for (const [reason, names] of groupByReason(sum.skipped)) {
        write(`  ${reason}`);
        for (const name of names) write(`    ${name}`);
      }
      write(`\n${sum.passed} passed, ${sum.failed.length} failed, ${sum.skipped.length} skipped`);
    },
    exitCode: (skipsFail) => (sum.failed.length > 0 || (skipsFail && sum.skipped.length > 0) ? 1 : 0),
  };
}

function groupByReason(skipped) {
  const groups = new Map();
  for (const { name, reason } of skipped) groups.set(reason, [...(groups.get(reason) ?? []), name]);
  return groups;
}
