/** Uploading a data file: choose, see it checked line by line, store. */
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { RequestFailed } from "../../api/client";
import { queryClient } from "../../api/queries";
import { bytes } from "../../format/bytes";
import { percent } from "../../format/numbers";
import { Button } from "../../ui/Button";
import { ErrorNotice } from "../../ui/Notice";
import { ProgressBar } from "../jobs/ProgressBar";
import { a } from "../strings";
import { BadLine, type Rows } from "./rows";
import { fileSend, manifestOf, rowsCheck, type Stored } from "./upload";

type State =
  | { at: "idle" }
  | { at: "busy"; words: (share: string) => string; share: number }
  | { at: "bad"; fault: BadLine }
  | { at: "checked"; rows: Rows }
  | { at: "failed"; error: unknown; rows: Rows }
  | { at: "stored"; stored: Stored; rows: Rows };

interface UploadProps {
  /** What follows when it is stored. */
  after: (stored: Stored, rows: Rows) => ReactNode;
}

export function UploadPanel({ after }: UploadProps) {
  const [file, setFile] = useState<File | null>(null);
  const [state, setState] = useState<State>({ at: "idle" });
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  const begin = (): AbortSignal => {
    running.current?.abort();
    running.current = new AbortController();
    return running.current.signal;
  };
  const busy = (words: (share: string) => string) => (share: number) =>
    setState({ at: "busy", words, share });
  const choose = async (chosen: File) => {
    const signal = begin();
    setFile(chosen);
    try {
      const rows = await rowsCheck(chosen, busy(a.files.reading), signal);
      setState({ at: "checked", rows });
    } catch (error) {
      if (!signal.aborted)
        setState({ at: "bad", fault: error instanceof BadLine ? error : new BadLine(0, String(error)) });
    }
  };
  const send = async (rows: Rows) => {
    if (!file) return;
    const signal = begin();
    try {
      const manifest = await manifestOf(file, busy(a.files.hashing), signal);
      const stored = await fileSend(file, manifest, busy(a.files.sending), signal);
      await queryClient.invalidateQueries({ queryKey: ["files"] });
      setState({ at: "stored", stored, rows });
    } catch (error) {
      if (!signal.aborted) setState({ at: "failed", error, rows });
    }
  };
  const stop = () => {
    running.current?.abort();
    setState({ at: "idle" });
  };
  return (
    <div className="flex flex-col gap-4">
      <p className="text-sm text-soft">{a.files.uploadHint}</p>
      {state.at !== "busy" && (
        <FileInput hasFile={file !== null} onChoose={(chosen) => void choose(chosen)} />
      )}
      <div aria-live="polite" className="flex flex-col gap-3">
        {file && state.at !== "idle" && <FileFacts file={file} state={state} />}
        {state.at === "busy" && (
          <>
            <ProgressBar share={state.share} label={state.words(percent(state.share))} />
            <p className="figures text-sm text-soft">{state.words(percent(state.share))}</p>
          </>
        )}
        {state.at === "bad" && <Fault fault={state.fault} />}
        {state.at === "failed" && <SendFailed error={state.error} onRetry={() => void send(state.rows)} />}
        {state.at === "stored" && (
          <p role="status" className="border-l-2 border-accept py-1 pl-4 break-words">
            {(state.stored.wasKnown ? a.files.known : a.files.done)(file?.name ?? "")}
          </p>
        )}
      </div>
      <div className="flex flex-wrap justify-end gap-2">
        {state.at === "busy" && <Button onClick={stop}>{a.files.cancel}</Button>}
        {state.at === "checked" && (
          <Button look="accent" onClick={() => void send(state.rows)}>
            {a.files.send(a.files.rows(state.rows.num))}
          </Button>
        )}
        {state.at === "stored" && after(state.stored, state.rows)}
      </div>
    </div>
  );
}

function FileInput({ hasFile, onChoose }: { hasFile: boolean; onChoose: (file: File) => void }) {
  const id = useId();
  return (
    <div>
      <input
        id={id}
        type="file"
        accept=".jsonl,.ndjson,.json,application/x-ndjson,application/jsonl"
        className="peer sr-only"
        onChange={(event) => {
          const chosen = event.target.files?.[0];
          event.target.value = ""; // the same file again, once corrected, is a change too
          if (chosen) onChoose(chosen);
        }}
      />
      <label
        htmlFor={id}
        className="inline-flex min-h-9 cursor-pointer items-center rounded-md border border-line bg-raised px-3 text-sm font-medium peer-focus-visible:outline-2 peer-focus-visible:outline-offset-2 peer-focus-visible:outline-accent hover:border-line-strong max-md:min-h-11"
      >
        {hasFile ? a.files.chooseOther : a.files.choose}
      </label>
    </div>
  );
}

function FileFacts({ file, state }: { file: File; state: State }) {
  const rows = "rows" in state ? state.rows : null;
  return (
    <dl className="figures grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 text-sm">
      <dt className="text-soft">{a.files.columns.name}</dt>
      <dd className="break-words">{file.name}</dd>
      <dt className="text-soft">{a.files.columns.size}</dt>
      <dd>{bytes(file.size)}</dd>
      {rows && (
        <>
          <dt className="text-soft">{a.files.columns.rows}</dt>
          <dd>{a.files.rows(rows.num)}</dd>
          <dt className="text-soft">{a.files.columns.columns}</dt>
          <dd className="font-mono text-xs leading-5 break-words">{rows.columns.join(", ")}</dd>
        </>
      )}
    </dl>
  );
}

function Fault({ fault }: { fault: BadLine }) {
  return (
    <div role="alert" className="border-l-2 border-reject py-1 pl-4 break-words">
      {fault.line > 0 && <p className="font-medium">{a.files.line(fault.line)}</p>}
      <p>{fault.message}</p>
    </div>
  );
}

function SendFailed({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  if (error instanceof RequestFailed || !(error instanceof Error))
    return <ErrorNotice error={error} onRetry={onRetry} />;
  return <ErrorNotice error={new RequestFailed(-1, "not_sent", error.message, null)} onRetry={onRetry} />;
}
