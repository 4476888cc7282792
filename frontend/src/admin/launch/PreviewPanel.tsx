/** Rows of the data exactly as the model sees them; what it learns to write is shaded by its weight. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { PreviewRow } from "../../protocol.gen";
import { Button } from "../../ui/Button";
import { ErrorNotice, Skeleton } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import { previewQuery } from "../api";
import { a } from "../strings";
import { dataOf } from "./launch_state";
import type { Spec } from "./schema_form";
import { spansOfWeight } from "./spans";

const ROWS_SHOWN = 3;

interface PreviewProps {
  spec: Spec;
  nodeName: string;
}

export function PreviewPanel({ spec, nodeName }: PreviewProps) {
  const data = dataOf(spec);
  // Other rows than the first: the sample moves on, the job's own seeds stay.
  const [offset, setOffset] = useState(0);
  const seed = data?.seed_start;
  const moved = data && typeof seed === "number" ? { ...data, seed_start: seed + offset } : data;
  const { parent, objective } = spec;
  const preview = useQuery(previewQuery(moved, { parent, objective }, nodeName));
  return (
    <Panel
      title={a.launch.preview}
      hint={a.launch.previewHint}
      tools={<Button onClick={() => setOffset(offset + ROWS_SHOWN)}>{a.launch.previewMore}</Button>}
    >
      {preview.isLoading && <Skeleton lines={6} />}
      {preview.isError && <ErrorNotice error={preview.error} onRetry={() => void preview.refetch()} />}
      {preview.data && <PreviewRows rows={preview.data.rows} />}
    </Panel>
  );
}

export function PreviewRows({ rows }: { rows: PreviewRow[] }) {
  return (
    <ol className="flex flex-col gap-4">
      {rows.map((row, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows of one answer do not move
        <li key={index} className="flex flex-col gap-1">
          <p className="text-xs text-soft">{a.launch.previewRow(row.family, row.num_tokens)}</p>
          <p
            tabIndex={0}
            className="scrolls max-h-60 overflow-y-auto rounded-md bg-sunk p-3 font-mono text-xs leading-5 break-words whitespace-pre-wrap"
          >
            {spansOfWeight(row.tokens).map((span, place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the spans of one row do not move
              <Shaded key={place} text={span.text} weight={span.weight} />
            ))}
          </p>
        </li>
      ))}
    </ol>
  );
}

function Shaded({ text, weight }: { text: string; weight: number }) {
  if (weight <= 0) return <span className="text-soft">{text}</span>;
  const share = Math.round(8 + 20 * Math.min(1, weight));
  return (
    <span style={{ background: `color-mix(in srgb, var(--accent) ${share}%, transparent)` }}>{text}</span>
  );
}
