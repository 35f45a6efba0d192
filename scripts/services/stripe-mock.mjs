// Stripe's own stateless mock: it checks requests against Stripe's published API description.
import { homedir } from "node:os";
import { join } from "node:path";
import { openDaemon } from "./daemon.mjs";
import { findProgram, ServiceMissing } from "./program.mjs";

// The release that the tests are written against; .ci/run reads it from this line and installs it.
const STRIPE_MOCK_VERSION = "v0.203.0";
const ANSWER_TIMEOUT_MS = 2_000;

/**
 * Starts stripe-mock.
 * @param {{ guard: import("./guard.mjs").Guard }} options
 * @returns {Promise<{ value: string, close: () => Promise<void> }>} its base URL, without a slash at the end
 * @throws {ServiceMissing} when stripe-mock is neither on PATH nor among Go's programs
 */
export async function openStripeMock({ guard }) {
  const command = findProgram("stripe-mock", goFolders());
  if (!command) {
    const remedy = `go install github.com/stripe/stripe-mock@${STRIPE_MOCK_VERSION}`;
    throw new ServiceMissing("stripe-mock is not installed", remedy);
  }
  const { port, close } = await openDaemon({
    name: "stripe-mock",
    command,
    // It also opens HTTPS, on a fixed port unless told otherwise, where another instance may be.
    argsFor: (port) => ["-http-addr", `127.0.0.1:${port}`, "-https-addr", "127.0.0.1:0"],
    isReady,
    guard,
    stopSignal: "SIGTERM",
    killSignal: "SIGKILL",
  });
  return { value: `http://127.0.0.1:${port}`, close };
}

function goFolders() {
  const { GOBIN, GOPATH } = process.env;
  const paths = [GOBIN, ...(GOPATH ?? "").split(":").map((path) => path && join(path, "bin"))];
  return [...paths, join(homedir(), "go", "bin")].filter(Boolean);
}

// Any answer will do, and without a key it is 401; the header tells that it is stripe-mock that answers.
async function isReady(port) {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/`, {
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    await answer.body?.cancel();
    return answer.headers.has("stripe-mock-version");
  } catch {
    return false;
  }
}
