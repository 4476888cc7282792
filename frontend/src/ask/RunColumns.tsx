/** A run beside its facts: two columns on a wide screen, a sheet from below on a narrow one. */
import { type ReactNode, useEffect, useRef, useState } from "react";
import type { Run } from "../api/types";
import { t } from "../strings";
import { FactsPanel, KeysPanel } from "../trace/FactsPanel";
import { isSettled, useRun } from "../trace/use_run";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { RunView } from "./RunView";
import { useFollowScroll } from "./use_follow_scroll";
import { useStepKeys } from "./use_step_keys";

interface RunColumnsProps {
  run: Run;
  before?: ReactNode;
  onAskAgain?: (run: Run) => void;
  onEdit?: (run: Run) => void;
  onRunning?: (isRunning: boolean) => void;
}

export function RunColumns({ run, before, onAskAgain, onEdit, onRunning }: RunColumnsProps) {
  const following = useRun(run);
  const [isFactsOpen, setFactsOpen] = useState(false);
  const column = useRef<HTMLDivElement>(null);
  const current = following.run ?? run;
  const isRunning = !isSettled(current) && following.trace.outcome === null;
  useEffect(() => {
    onRunning?.(isRunning);
    return () => onRunning?.(false);
  }, [isRunning, onRunning]);
  useStepKeys(column);
  const scroll = useFollowScroll(isRunning, following.trace.lastSeq);
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_288px] items-start gap-11 max-xl:grid-cols-1">
      <div ref={column} className="flex min-w-0 flex-col gap-8">
        {before}
        <RunView
          following={following}
          initial={run}
          onAskAgain={onAskAgain}
          onEdit={onEdit}
          onFacts={() => setFactsOpen(true)}
        />
        {scroll.isBehind && (
          <div className="pointer-events-none sticky bottom-44 z-10 flex justify-center">
            <Button className="pointer-events-auto rounded-full shadow-panel" onClick={scroll.jump}>
              {t.trace.jumpToLatest}
            </Button>
          </div>
        )}
      </div>
      <aside className="sticky top-8 flex flex-col gap-4 max-xl:hidden">
        <div className="rounded-lg border border-line bg-raised p-4 shadow-panel">
          <FactsPanel run={current} trace={following.trace} />
        </div>
        <div className="px-4 py-1">
          <KeysPanel />
        </div>
      </aside>
      <Dialog shape="sheet" title={t.facts.title} isOpen={isFactsOpen} onClose={() => setFactsOpen(false)}>
        <FactsPanel run={current} trace={following.trace} />
        <Button className="mt-5 w-full" onClick={() => setFactsOpen(false)}>
          {t.common.done}
        </Button>
      </Dialog>
    </div>
  );
}
