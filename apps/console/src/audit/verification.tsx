import type { AuditReport } from "@keybrake/client";
import { useMutation } from "@tanstack/react-query";
import { api } from "../api.ts";
import { Button } from "../ui/button.tsx";
import { Card, Facts } from "../ui/page.tsx";
import { MutationError } from "../ui/states.tsx";
import { Badge, Count } from "../ui/values.tsx";

/** Recomputes the whole audit chain when asked: it reads every call, so it is never run by looking at the page. */
export function Verification() {
  const verify = useMutation({ mutationFn: () => api.audit.verify() });
  return (
    <Card
      title="The audit chain"
      actions={
        <Button tone="primary" isBusy={verify.isPending} onClick={() => verify.mutate()}>
          Verify now
        </Button>
      }
    >
      <div aria-live="polite" className="flex flex-col">
        {verify.data === undefined ? (
          <p className="p-4 text-muted">
            {verify.isPending
              ? "Every link is recomputed and compared with the calls. A large log takes minutes."
              : "Each call stands in a chain of hashes. A verification recomputes all of it, and finds what was changed or taken out."}
          </p>
        ) : (
          <Report report={verify.data} />
        )}
        <div className="px-4 pb-4 empty:hidden">
          <MutationError error={verify.error} />
        </div>
      </div>
    </Card>
  );
}

function Report({
  report: { ok, links, calls, gaps, first_problem: problem },
}: {
  readonly report: AuditReport;
}) {
  return (
    <Facts
      facts={[
        ["Result", ok ? <Badge tone="good">intact</Badge> : <Badge tone="bad">not intact</Badge>],
        ...(problem === null
          ? []
          : [
              [
                "First problem",
                `${problem.problem}${problem.epoch === null ? "" : ` (epoch ${problem.epoch}, link ${problem.seq})`}`,
              ] as const,
            ]),
        ["Links recomputed", <Count key="links" value={links} />],
        ["Calls compared", <Count key="calls" value={calls} />],
        ["Accepted losses", <Count key="gaps" value={gaps} />],
      ]}
    />
  );
}
