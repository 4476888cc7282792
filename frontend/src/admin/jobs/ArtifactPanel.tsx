/** The model that an import or a quantisation made: where it comes from, its licence, its size before and after. */
import { useQuery } from "@tanstack/react-query";
import type { ModelCard } from "../../api/types";
import { bytes } from "../../format/bytes";
import { countShort, percent } from "../../format/numbers";
import { Fact } from "../../ui/Fact";
import { Panel } from "../../ui/Panel";
import { TableHead } from "../../ui/TableHead";
import { checkpointsQuery, versionsQuery } from "../api";
import type { JobRow } from "../api_types";
import { a } from "../strings";
import { type FormatFacts, formatsOf, valuesLast } from "./artifact_facts";
import type { Point } from "./job_log";

interface ArtifactProps {
  job: JobRow;
  points: Point[];
}

/** Whose few figures are told as before and after: they make no curve. */
export const isArtifactTold = (job: JobRow): boolean => ["import", "quantize"].includes(job.kind);

export function ArtifactPanel({ job, points }: ArtifactProps) {
  const values = valuesLast(points);
  const formats = formatsOf(values);
  const made = useMade(job);
  const isImport = (job.kind as string) === "import";
  if (!isImport && formats.length === 0) return null;
  const { words } = a.artifact;
  return (
    <Panel title={isImport ? a.artifact.imported : a.artifact.quantised}>
      <dl className="flex flex-wrap gap-x-11 gap-y-3 text-sm">
        {isImport && <Fact name={words.source}>{sourceWords(job, made.card)}</Fact>}
        {isImport && <Fact name={words.licence}>{made.card?.licence ?? licenceWords(job)}</Fact>}
        {values.num_parameters !== undefined && (
          <Fact name={words.parameters}>{countShort(values.num_parameters)}</Fact>
        )}
        {isImport && made.numBytes !== null && <Fact name={words.size}>{bytes(made.numBytes)}</Fact>}
        {values.relative_error !== undefined && (
          <Fact name={words.error}>{(values.relative_error * 100).toFixed(2)} %</Fact>
        )}
      </dl>
      {formats.length > 0 && <FormatTable formats={formats} />}
    </Panel>
  );
}

/** What is kept of the job: its newest stored files, and the card of the version they were registered as. */
function useMade(job: JobRow): { card: ModelCard | null; numBytes: number | null } {
  const versions = useQuery(versionsQuery);
  const checkpoints = useQuery(checkpointsQuery(job.id));
  const version = versions.data?.find((row) => row.staff?.lineage.job_id === job.id);
  return {
    card: (version?.card as ModelCard | undefined) ?? null,
    numBytes: checkpoints.data?.at(-1)?.num_bytes ?? null,
  };
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

function sourceWords(job: JobRow, card: ModelCard | null): string {
  const spec = job.spec as unknown as Record<string, unknown>;
  return card?.source?.title || text(spec.folder) || text(spec.artifact) || text(spec.source);
}

const licenceWords = (job: JobRow): string =>
  text((job.spec as unknown as Record<string, unknown>).licence) || a.artifact.words.licenceLater;

export function FormatTable({ formats }: { formats: FormatFacts[] }) {
  const { words } = a.artifact;
  const first = formats[0]?.numBytes ?? 0;
  return (
    <table className="figures w-full max-w-[560px] text-right text-sm">
      <caption className="sr-only">{a.artifact.quantised}</caption>
      <TableHead
        columns={[{ label: words.format, align: "left" }, words.size, words.right, words.speed]}
        gap="before"
      />
      <tbody>
        {formats.map((one) => (
          <tr key={one.format} className="border-b border-line">
            <td className="py-2 text-left font-medium">{one.format}</td>
            <td className="py-2 pl-4 whitespace-nowrap">
              {bytes(one.numBytes)}
              {one.numBytes !== first && first > 0 && (
                <span className="text-soft"> ({percent(one.numBytes / first)})</span>
              )}
            </td>
            <td className="py-2 pl-4">
              {one.shareRight === null ? a.artifact.words.notMeasured : percent(one.shareRight)}
            </td>
            <td className="py-2 pl-4">{one.tokensPerSecond?.toFixed(1) ?? ""}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
