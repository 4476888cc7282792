/** The money proof, live: checked at each opening, every ten seconds, and when asked. */
import { useQuery } from "@tanstack/react-query";
import { utc } from "../../format/dates";
import { Button } from "../../ui/Button";
import { ErrorNotice, Skeleton } from "../../ui/Notice";
import { AdminFrame } from "../AdminFrame";
import { type Proof, proofQuery } from "../money/api";
import { ProofLines } from "../money/ProofLines";
import { m } from "../money/strings";

export function ProofPage() {
  return (
    <AdminFrame title={m.proof.title} hint={m.proof.hint}>
      <LiveProof />
    </AdminFrame>
  );
}

function LiveProof() {
  const proof = useQuery(proofQuery);
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-4 border-y border-line py-4">
        {proof.data ? <Verdict proof={proof.data} isStale={proof.isError} /> : <span />}
        <Button disabled={proof.isFetching} onClick={() => void proof.refetch()}>
          {proof.isFetching ? m.proof.checking : m.proof.checkNow}
        </Button>
      </div>
      {proof.isPending && <Skeleton lines={8} />}
      {proof.isError && <ErrorNotice error={proof.error} onRetry={() => void proof.refetch()} />}
      {proof.data && <ProofLines lines={proof.data.lines} />}
    </>
  );
}

function Verdict({ proof, isStale }: { proof: Proof; isStale: boolean }) {
  const numBroken = proof.lines.filter((line) => line.state === "broken").length;
  const at = utc(proof.checked_at);
  return (
    <div>
      <p role="status" className={`font-serif text-lg ${numBroken > 0 ? "text-reject" : ""}`}>
        {numBroken > 0 ? m.proof.broken(numBroken) : m.proof.allHold}
      </p>
      <p className="figures text-sm text-soft">{isStale ? m.proof.stale(at) : m.proof.checkedAt(at)}</p>
    </div>
  );
}
