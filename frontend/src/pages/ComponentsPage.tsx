/** Every state of the run's view and of lists, without a server: for designers and for screenshot tests. */
import { useState } from "react";
import { AdminStates } from "../admin/dev/AdminStates";
import { RequestFailed } from "../api/client";
import type { Run } from "../api/types";
import { RunView } from "../ask/RunView";
import { BillingStates } from "../billing/BillingStates";
import {
  cubesEvents,
  cubesLive,
  figureEvents,
  framesOf,
  puzzleEvents,
  repairEvents,
  runOf,
  started,
  thought,
} from "../dev/sample_frames";
import { beamEvents, beamLive } from "../dev/sample_search";
import type { Line } from "../live/live_socket";
import type { RunEvent } from "../protocol.gen";
import { NoSearch, SearchPanel } from "../search/SearchPanel";
import { useSearchShown } from "../search/use_search_shown";
import { t } from "../strings";
import { FactsPanel, KeysPanel } from "../trace/FactsPanel";
import { EMPTY_TRACE, framesApply } from "../trace/trace";
import { VerdictChip } from "../trace/VerdictChip";
import { Button } from "../ui/Button";
import { Empty, ErrorNotice, Skeleton } from "../ui/Notice";
import { PageFrame } from "../ui/PageFrame";
import { ThemeChoice } from "../ui/ThemeChoice";

interface State {
  name: string;
  run: Run;
  events: RunEvent[];
  line?: Line;
}

const cancelled: RunEvent = {
  type: "run.finished",
  finish_reason: "cancelled",
  answer: "",
  verdict: null,
  score: null,
  branch_id: 0,
  client_tool_calls: [],
};

const STATES: State[] = [
  { name: "Queued", run: runOf({ status: "queued" }), events: [] },
  {
    name: "Live, with a dropped line",
    run: runOf({ status: "running" }),
    events: cubesLive,
    line: { state: "reconnecting", attempt: 2 },
  },
  { name: "Finished, verified", run: runOf({ status: "finished" }), events: cubesEvents },
  {
    name: "With a figure, a formula and steps",
    run: runOf({ question: "Where is x^2 - 4 least?" }),
    events: figureEvents,
  },
  {
    name: "A repaired call, a rejected answer, another try",
    run: runOf({ question: "Solve x^2 - 4 = 0." }),
    events: repairEvents,
  },
  {
    name: "A search in progress",
    run: runOf({ status: "running", cost_nano_usd: 0 }),
    events: beamLive,
  },
  {
    name: "A beam of 4 × 4",
    run: runOf({ search: { strategy: "beam", width: 4, depth: 4 } }),
    events: beamEvents(4, 4),
  },
  { name: "A search of hundreds of branches", run: runOf({}), events: beamEvents(8, 7) },
  {
    name: "A puzzle, not checked",
    run: runOf({
      question: "Ann says Bob is a knave. Bob says both of us are knights. Who is what?",
      verify: false,
    }),
    events: puzzleEvents,
  },
  {
    name: "Stopped",
    run: runOf({ status: "cancelled", cost_nano_usd: 636_000 }),
    events: [started, ...thought(1, "Find all pairs of cubes.", 12), cancelled],
  },
  {
    name: "Failed",
    run: runOf({ status: "failed", error: { code: "node_restarted", message: "the node was restarted." } }),
    events: [started, ...thought(1, "Find all pairs of cubes.", 12)],
  },
  {
    name: "At the budget",
    run: runOf({ finish_reason: "budget" }),
    events: [
      started,
      ...thought(1, "Try each case in turn. ".repeat(12), 96),
      { ...cancelled, finish_reason: "budget" },
    ],
  },
];

export function ComponentsPage() {
  return (
    <main>
      <PageFrame title={t.titles.components} action={<ThemeChoice />}>
        {STATES.map((state) => (
          <StateView key={state.name} state={state} />
        ))}
        <AdminStates />
        <BillingStates />
        <section className="flex flex-col gap-4 border-t border-line pt-6">
          <div className="flex flex-wrap gap-2">
            <VerdictChip verdict="accept" score={0.97} />
            <VerdictChip verdict="abstain" score={0.52} />
            <VerdictChip verdict="reject" score={0.08} />
            <VerdictChip verdict={null} score={null} />
          </div>
          <div className="flex flex-wrap gap-2">
            <Button look="accent">Ask</Button>
            <Button>Copy</Button>
            <Button look="quiet">Quiet</Button>
            <Button look="danger">Revoke</Button>
            <Button disabled>Disabled</Button>
          </div>
          <Skeleton />
          <Empty action={<Button>{t.history.emptyAction}</Button>}>{t.history.empty}</Empty>
          <ErrorNotice
            error={
              new RequestFailed(
                503,
                "no_node",
                "No node serves this model now. Try again in a minute.",
                "req_3f9c",
              )
            }
            onRetry={() => undefined}
          />
          <ErrorNotice error={new RequestFailed(0, "unreachable", "", null)} onRetry={() => undefined} />
          <NoSearch onAsk={() => undefined} />
          <KeysPanel />
        </section>
      </PageFrame>
    </main>
  );
}

function StateView({ state }: { state: State }) {
  const [trace] = useState(() => framesApply(EMPTY_TRACE, framesOf(state.events)));
  const search = useSearchShown(trace, useState<number | null>(null));
  const following = { row: state.run, log: trace, line: state.line ?? ({ state: "live" } as const) };
  return (
    <section aria-label={state.name} className="flex flex-col gap-4 border-t border-line pt-6">
      <p className="text-sm text-soft">{state.name}</p>
      <div className="grid grid-cols-[minmax(0,1fr)_288px] items-start gap-11 max-lg:grid-cols-1">
        <RunView
          following={following}
          initial={state.run}
          onFacts={() => undefined}
          onAskAgain={() => undefined}
          onEdit={() => undefined}
          branch={search?.branch}
        />
        <div className="flex flex-col gap-6 rounded-lg border border-line bg-raised p-4 shadow-panel">
          <FactsPanel run={state.run} trace={trace} />
          {search && (
            <SearchPanel
              tree={search.tree}
              shownId={search.shownId}
              onChoose={search.choose}
              nanoUsdPerToken={state.run.price_nano_usd_per_token}
              hasPicture
            />
          )}
        </div>
      </div>
    </section>
  );
}
