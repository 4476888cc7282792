/** One node: what it is, what it does, what it costs beside what it sells, and what can be done with it. */
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { queryClient } from "../../api/queries";
import { utc } from "../../format/dates";
import { money } from "../../format/numbers";
import { Button } from "../../ui/Button";
import { AlertLine, errorWords } from "../../ui/Notice";
import { useNow } from "../../ui/use_now";
import { type NodeVerb, nodeAct } from "../api";
import type { NodeRow } from "../api_types";
import { secondsWords } from "../jobs/eta";
import { roundedUp } from "../jobs/JobTable";
import { TEXT_LINK } from "../links";
import { a } from "../strings";
import { breakEvenTokensPerSecond, devicesWords, STATE_COLOURS, verbsOf } from "./node_words";

interface NodeCardProps {
  node: NodeRow;
  nanoUsdPerToken: number;
  onRemove: () => void;
}

export function NodeCard({ node, nanoUsdPerToken, onRemove }: NodeCardProps) {
  return (
    <article
      aria-label={node.name}
      className="flex flex-col gap-3 rounded-lg border border-line bg-raised p-4 shadow-panel"
    >
      <header className="flex flex-wrap items-start justify-between gap-3">
        <div>
          <h2 className="text-md font-semibold">
            <Link
              to="/admin/nodes/$nodeName"
              params={{ nodeName: node.name }}
              className="decoration-line-strong underline-offset-4 hover:underline"
            >
              {node.name}
            </Link>{" "}
            <span className={`ml-1 ${STATE_COLOURS[node.state]}`}>{a.nodes.states[node.state]}</span>
          </h2>
          <p className="text-sm text-soft">
            {a.nodes.roles[node.role]}, <span className="break-all">{node.url}</span>
          </p>
        </div>
        <NodeVerbs node={node} onRemove={onRemove} />
      </header>
      <NodeTrouble node={node} />
      <NodeFacts node={node} nanoUsdPerToken={nanoUsdPerToken} />
    </article>
  );
}

/** What it is and does, and what it costs beside what it sells. */
export function NodeFacts({ node, nanoUsdPerToken }: { node: NodeRow; nanoUsdPerToken: number }) {
  const { facts } = a.nodes;
  const { info } = node;
  return (
    <dl className="figures grid grid-cols-4 gap-x-6 gap-y-3 text-sm max-lg:grid-cols-2">
      <Fact name={facts.device}>{devicesWords(node)}</Fact>
      <Fact name={facts.jobs}>
        <Jobs node={node} />
      </Fact>
      <Fact name={facts.running}>{info && a.nodes.questions(info.running_runs.length, info.runs_max)}</Fact>
      <Fact name={facts.serves}>{info?.models.map((model) => model.version).join(", ") || a.nodes.idle}</Fact>
      <Fact name={facts.seen}>
        <Seen at={node.seen_at} />
      </Fact>
      <Fact name={facts.version}>{info && versionWords(info.versions)}</Fact>
      <Fact name={facts.fence}>
        {info && (info.fence_tier === "none" ? a.nodes.fenceNone : info.fence_tier)}
      </Fact>
      <Money node={node} nanoUsdPerToken={nanoUsdPerToken} />
    </dl>
  );
}

/** Why it does not answer, or why its jobs' frames are not read. */
export function NodeTrouble({ node }: { node: NodeRow }) {
  const words = node.probe_error || node.follow_error;
  return words ? <p className="border-l-2 border-reject py-0.5 pl-3 text-sm break-words">{words}</p> : null;
}

export function NodeVerbs({ node, onRemove }: { node: NodeRow; onRemove: () => void }) {
  const act = useMutation({
    mutationFn: (verb: NodeVerb) => nodeAct(node.name, verb),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["nodes"] }),
  });
  return (
    <div className="flex flex-col items-end gap-1">
      <div className="flex flex-wrap gap-2">
        {verbsOf(node).map((verb) => (
          <Button
            key={verb}
            title={a.nodes.verbHints[verb]}
            disabled={act.isPending}
            onClick={() => act.mutate(verb)}
          >
            {a.nodes.verbs[verb]}
          </Button>
        ))}
        <Button
          look="quiet"
          disabled={node.is_trusted}
          title={node.is_trusted ? a.nodes.trusted : undefined}
          onClick={onRemove}
        >
          {a.nodes.remove}
        </Button>
      </div>
      {act.isError && <AlertLine>{errorWords(act.error)}</AlertLine>}
    </div>
  );
}

function Jobs({ node }: { node: NodeRow }) {
  const most = node.info?.jobs_max ?? 0;
  if (node.running_jobs.length === 0) return most === 0 ? a.nodes.takesNone : a.nodes.jobs(0, most);
  return (
    <ul>
      {node.running_jobs.map((job) => (
        <li key={`${job.job_id} ${job.node_rank}`}>
          <Link to="/admin/jobs/$jobId" params={{ jobId: job.job_id }} className={TEXT_LINK}>
            {job.job_name || job.job_id}
          </Link>
          <span className="block text-soft">
            {a.jobs.status[job.status]}, {a.jobs.stepOf(job.step, job.num_steps)}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Seen({ at }: { at: string | null }) {
  const now = useNow(1_000);
  if (!at) return a.nodes.never;
  return (
    <time dateTime={at} title={utc(at)}>
      {a.job.ago(secondsWords(Math.max(0, (now - Date.parse(at)) / 1_000)))}
    </time>
  );
}

const versionWords = (versions: Record<string, string>): string =>
  [versions.svend, versions.torch && `torch ${versions.torch}`].filter(Boolean).join(", ");

function Money({ node, nanoUsdPerToken }: { node: NodeRow; nanoUsdPerToken: number }) {
  const { facts } = a.nodes;
  const breakEven = breakEvenTokensPerSecond(node.price_nano_usd_per_hour, nanoUsdPerToken);
  return (
    <>
      <Fact name={facts.price}>
        {node.price_nano_usd_per_hour ? a.nodes.perHour(node.price_nano_usd_per_hour) : a.nodes.noPrice}
        {breakEven !== null && <span className="block text-soft">{a.nodes.breakEven(breakEven)}</span>}
      </Fact>
      <Fact name={facts.sold}>
        {a.nodes.sold(node.tokens_sold_24h, roundedUp(node.revenue_24h_nano_usd))}
      </Fact>
      <Fact name={facts.cost}>{money(node.cost_24h_nano_usd)}</Fact>
      <Fact name={facts.margin}>
        <span className={marginColour(node.margin_24h_nano_usd)}>
          {node.margin_24h_nano_usd > 0 && "+"}
          {money(roundedUp(node.margin_24h_nano_usd))}
        </span>
      </Fact>
    </>
  );
}

function marginColour(nanoUsd: number): string {
  if (nanoUsd === 0) return "";
  return nanoUsd < 0 ? "text-reject" : "text-accept";
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0 break-words">
      <dt className="text-xs text-soft">{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
