/** Jobs in rows; on a phone each is a card. */
import { Link } from "@tanstack/react-router";
import { dateTime, utc } from "../../format/dates";
import { count, money } from "../../format/numbers";
import { TableHead } from "../../ui/TableHead";
import type { JobRow } from "../api_types";
import { a } from "../strings";
import { jobTitle, shareDone, stateHint } from "./job_words";
import { ProgressBar } from "./ProgressBar";
import { StateWord } from "./StateWord";

export function JobTable({ jobs }: { jobs: JobRow[] }) {
  const { columns } = a.jobs;
  return (
    <table className="figures w-full text-left text-sm max-lg:block">
      <caption className="sr-only">{a.jobs.title}</caption>
      <TableHead
        columns={[
          columns.job,
          columns.state,
          columns.progress,
          columns.node,
          { label: columns.cost, align: "right" },
          { label: columns.made, align: "right" },
        ]}
        foldsBelow="lg"
      />
      <tbody className="max-lg:block max-lg:border-t max-lg:border-line">
        {jobs.map((job) => (
          <Row key={job.id} job={job} />
        ))}
      </tbody>
    </table>
  );
}

const CELL = "py-3 pr-4 align-top max-lg:p-0";

function Row({ job }: { job: JobRow }) {
  const hint = stateHint(job);
  const share = shareDone(job);
  return (
    <tr className="border-b border-line max-lg:flex max-lg:flex-col max-lg:gap-1 max-lg:py-3">
      <td className={`${CELL} max-w-0 lg:w-[34%] max-lg:max-w-full`}>
        <Link
          to="/admin/jobs/$jobId"
          params={{ jobId: job.id }}
          className="block truncate font-serif text-md decoration-line-strong underline-offset-4 hover:underline"
        >
          {jobTitle(job)}
        </Link>
        <span className="text-soft">
          {a.jobs.kinds[job.kind]}
          {job.priority !== 0 && `, ${a.jobs.priority(job.priority)}`}
          {job.created_by && `, ${job.created_by}`}
        </span>
      </td>
      <td className={`${CELL} lg:w-[24%]`}>
        <StateWord job={job} />
        {hint && (
          <p className="line-clamp-2 text-soft" title={hint}>
            {hint}
          </p>
        )}
      </td>
      <td className={`${CELL} lg:w-[15%]`}>
        {(job.num_steps || job.step > 0) && <span>{a.jobs.stepOf(job.step, job.num_steps)}</span>}
        {share !== null && job.status !== "queued" && (
          <ProgressBar share={share} label={columnsProgress(job)} />
        )}
      </td>
      <td className={`${CELL} text-soft`}>{job.node_names.join(", ")}</td>
      <td className={`${CELL} whitespace-nowrap lg:text-right`}>
        {job.spent_nano_usd > 0 && money(roundedUp(job.spent_nano_usd))}
      </td>
      <td className="py-3 align-top whitespace-nowrap text-soft max-lg:p-0 lg:text-right">
        <time dateTime={job.created_at} title={utc(job.created_at)}>
          {dateTime(job.created_at)}
        </time>
      </td>
    </tr>
  );
}

const columnsProgress = (job: JobRow) => `${a.jobs.columns.progress}: ${count(job.step)}`;

/** A node's time is a cost that ticks on: to the hundredth of a cent is enough to read. */
const TICK_NANO_USD = 100_000;
export const roundedUp = (nanoUsd: number): number => Math.ceil(nanoUsd / TICK_NANO_USD) * TICK_NANO_USD;
