/** A run beside its facts: two columns on a wide screen, a sheet from below on a narrow one. */
import { type ReactNode, useEffect, useRef, useState } from "react";
import type { Run } from "../api/types";
import { NoSearch, SearchPanel } from "../search/SearchPanel";
import { useBranch } from "../search/use_branch";
import { useSearchShown } from "../search/use_search_shown";
import { t } from "../strings";
import { FactsPanel, KeysPanel } from "../trace/FactsPanel";
import { isSettled } from "../trace/run_follower";
import { useRun } from "../trace/use_run";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { useHotkeys } from "../ui/use_hotkeys";
import { RunView } from "./RunView";
import { useFollowScroll } from "./use_follow_scroll";
import { useStepKeys } from "./use_step_keys";

interface RunColumnsProps {
  run: Run;
  before?: ReactNode;
  onAskAgain?: (run: Run) => void;
  onEdit?: (run: Run) => void;
  onSearch?: (run: Run) => void;
  onRunning?: (isRunning: boolean) => void;
}

export function RunColumns({ run, before, onAskAgain, onEdit, onSearch, onRunning }: RunColumnsProps) {
  const following = useRun(run);
  const [isFactsOpen, setFactsOpen] = useState(false);
  const column = useRef<HTMLDivElement>(null);
  const current = following.row ?? run;
  const isRunning = !isSettled(current) && following.log.outcome === null;
  useEffect(() => {
    onRunning?.(isRunning);
    return () => onRunning?.(false);
  }, [isRunning, onRunning]);
  useStepKeys(column);
  const scroll = useFollowScroll(isRunning, following.log.lastSeq);
  const search = useSearchShown(following.log, useBranch());
  useHotkeys({ t: () => searchFocus() || (search && setFactsOpen(true)) });
  const panel = (hasPicture: boolean) =>
    search && (
      <SearchPanel
        tree={search.tree}
        shownId={search.shownId}
        onChoose={search.choose}
        nanoUsdPerToken={run.price_nano_usd_per_token}
        hasPicture={hasPicture}
      />
    );
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
          branch={search?.branch}
        />
        {scroll.isBehind && (
          <div className="pointer-events-none sticky bottom-44 z-10 flex justify-center">
            <Button className="pointer-events-auto rounded-full shadow-panel" onClick={scroll.jump}>
              {t.trace.jumpToLatest}
            </Button>
          </div>
        )}
      </div>
      {/* Not under the prompt box, which stands at the page's foot: a tall search scrolls inside. */}
      <aside className="sticky top-8 -m-1 flex max-h-[calc(100dvh-188px)] flex-col gap-4 overflow-y-auto p-1 max-xl:hidden [scrollbar-width:thin]">
        <div className="shrink-0 rounded-lg border border-line bg-raised p-4 shadow-panel">
          <FactsPanel run={current} trace={following.log} />
        </div>
        {search && (
          <div className="shrink-0 rounded-lg border border-line bg-raised p-4 shadow-panel">
            {panel(true)}
          </div>
        )}
        {!search && !isRunning && onSearch && (
          <div className="px-4 py-1">
            <NoSearch onAsk={() => onSearch(current)} />
          </div>
        )}
        <div className="px-4 py-1">
          <KeysPanel />
        </div>
      </aside>
      <Dialog shape="sheet" title={t.facts.title} isOpen={isFactsOpen} onClose={() => setFactsOpen(false)}>
        <div className="flex flex-col gap-6">
          <FactsPanel run={current} trace={following.log} />
          {panel(false)}
        </div>
        <Button className="mt-5 w-full" onClick={() => setFactsOpen(false)}>
          {t.common.done}
        </Button>
      </Dialog>
    </div>
  );
}

/** The focus goes to the list of branches in sight, if there is one. */
function searchFocus(): boolean {
  const rows = document.querySelectorAll<HTMLElement>("[data-search] [role=treeitem][tabindex='0']");
  const row = [...rows].find((one) => one.offsetParent !== null);
  row?.focus();
  return row !== undefined;
}
