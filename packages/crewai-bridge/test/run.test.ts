import { afterAll, beforeAll, describe } from "vitest";
import { describeApi } from "./run/api.ts";
import { describeEndings } from "./run/endings.ts";
import { describeEnvironment } from "./run/environment.ts";
import { describePacked } from "./run/packed.ts";
import { Stage } from "./run/stage.ts";
import { describeStarts } from "./run/starts.ts";

// One server for everything here; each test has a run of its own, so they go side by side.
describe.concurrent("a run", () => {
  let stage: Stage | undefined;
  beforeAll(async () => {
    stage = await Stage.open();
  });
  afterAll(async () => {
    await stage?.close();
  });
  const open = () => {
    if (stage === undefined) throw new Error("the stage is not open");
    return stage;
  };

  describeStarts(open);
  describeEnvironment(open);
  describeEndings(open);
  describeApi(open);
  describePacked(open);
});
