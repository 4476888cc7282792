/** The log as it comes: search, level, follow, wrap, download. Only the lines in sight are in the page. */
import { type CSSProperties, useLayoutEffect, useMemo, useRef, useState } from "react";
import { Button } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { Select } from "../../ui/Select";
import { Toggle } from "../../ui/Toggle";
import { jobLogPage } from "../api";
import { a } from "../strings";
import { firstError, type JobLog, type LogLine, linesFound } from "./job_log";
import type { LogLevel } from "./job_types";

const LINE_PX = 20;
const HEIGHT_PX = 360;
const SPARE_LINES = 20; // above and below what is in sight
const WRAPPED_MAX = 1_000; // wrapped lines have no even height: they are all in the page

const LEVEL_COLOURS: Record<LogLevel, string> = {
  debug: "text-soft",
  info: "text-ink",
  warning: "text-abstain",
  error: "text-reject",
};
const LEVELS: LogLevel[] = ["debug", "info", "warning", "error"];

export function LogPanel({ jobId, log }: { jobId: string; log: JobLog }) {
  const [search, setSearch] = useState("");
  const [level, setLevel] = useState<LogLevel>("debug");
  const [isFollowed, setFollowed] = useState(true);
  const [isWrapped, setWrapped] = useState(false);
  const lines = useMemo(() => linesFound(log.lines, level, search), [log.lines, level, search]);
  const error = firstError(log);
  return (
    <Panel
      title={a.log.title}
      tools={
        <div className="flex flex-wrap items-center gap-2">
          <input
            type="search"
            aria-label={a.log.search}
            placeholder={a.log.search}
            data-hotkey-focus
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            className="min-h-9 w-48 rounded-md border border-line-strong bg-raised px-3 text-sm max-md:min-h-11"
          />
          <Select
            label={a.log.level}
            isLabelHidden
            value={level}
            onChange={(event) => setLevel(event.target.value as LogLevel)}
            options={LEVELS.map((value) => ({ value, label: a.log.levels[value] }))}
            className="min-h-9! text-sm! max-md:min-h-11!"
          />
          <Toggle isOn={isFollowed} onChange={setFollowed}>
            {a.log.follow}
          </Toggle>
          <Toggle isOn={isWrapped} onChange={setWrapped}>
            {a.log.wrap}
          </Toggle>
          <Button onClick={() => void download(jobId)}>{a.log.download}</Button>
        </div>
      }
    >
      {error && (
        <p className="border-l-2 border-reject pl-3 text-sm">
          <span className="font-medium">{a.log.firstError}:</span>{" "}
          <span className="font-mono text-xs break-words text-reject">{plain(gist(error.text))}</span>
        </p>
      )}
      {log.firstSeq > 0 && <p className="text-xs text-soft">{a.log.earlier(log.firstSeq)}</p>}
      {log.lines.length === 0 && <p className="text-soft">{a.log.empty}</p>}
      {log.lines.length > 0 && lines.length === 0 && <p className="text-soft">{a.log.noMatch}</p>}
      {lines.length > 0 && (
        <Lines
          lines={lines}
          isFollowed={isFollowed}
          isWrapped={isWrapped}
          onLeave={() => setFollowed(false)}
        />
      )}
    </Panel>
  );
}

interface LinesProps {
  lines: LogLine[];
  isFollowed: boolean;
  isWrapped: boolean;
  onLeave: () => void;
}

function Lines({ lines, isFollowed, isWrapped, onLeave }: LinesProps) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const lastTop = useRef(0);
  const shown = isWrapped ? lines.slice(-WRAPPED_MAX) : lines;
  const first = isWrapped ? 0 : Math.max(0, Math.floor(top / LINE_PX) - SPARE_LINES);
  const end = isWrapped ? shown.length : first + Math.ceil(HEIGHT_PX / LINE_PX) + 2 * SPARE_LINES;
  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines are what there is to follow
  useLayoutEffect(() => {
    if (isFollowed && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [isFollowed, lines, isWrapped]);
  const scrolled = () => {
    const now = box.current?.scrollTop ?? 0;
    // Scrolling up is reading: the log must not run away under the reader.
    if (isFollowed && now < lastTop.current - LINE_PX / 2) onLeave();
    lastTop.current = now;
    setTop(now);
  };
  const height = shown.length * LINE_PX;
  const frame: CSSProperties = isWrapped ? {} : { height, paddingTop: Math.min(first * LINE_PX, height) };
  return (
    <div
      ref={box}
      onScroll={scrolled}
      role="log"
      aria-live="off"
      aria-label={a.log.title}
      tabIndex={0}
      className="scrolls relative overflow-y-auto font-mono text-xs"
      style={{ maxHeight: HEIGHT_PX }}
    >
      <div style={frame} className={isWrapped ? "" : "w-max min-w-full"}>
        {shown.slice(first, end).map((line) => (
          <Line key={line.seq} line={line} isWrapped={isWrapped} />
        ))}
      </div>
    </div>
  );
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

function Line({ line, isWrapped }: { line: LogLine; isWrapped: boolean }) {
  return (
    <div
      className={`flex gap-4 ${isWrapped ? "" : "whitespace-pre"}`}
      style={isWrapped ? { lineHeight: `${LINE_PX}px` } : { height: LINE_PX, lineHeight: `${LINE_PX}px` }}
    >
      <time dateTime={new Date(line.atMs).toISOString()} className="shrink-0 text-soft">
        {clock.format(line.atMs)}
      </time>
      {line.rank > 0 && <span className="shrink-0 text-soft">{a.log.rank(line.rank)}</span>}
      <span
        className={`${LEVEL_COLOURS[line.level]} ${isWrapped ? "min-w-0 whitespace-pre-wrap break-words" : ""}`}
      >
        {line.level !== "info" && <span className="sr-only">{line.level}: </span>}
        {plain(line.text)}
      </span>
    </div>
  );
}

/** Of a traceback its last line, which says what happened; the rest stands in the log. */
const gist = (text: string): string =>
  text.startsWith("Traceback") ? (text.trimEnd().split("\n").at(-1) ?? text) : text;

/** Without the codes that colour a terminal; on one line where lines have an even height. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what such a code begins with
const plain = (text: string): string => text.replace(/\u001b\[[0-9;]*m/g, "").replace(/\n+/g, " ⏎ ");

async function download(jobId: string): Promise<void> {
  const rows: string[] = [];
  for (let after = 0; ; ) {
    const page = await jobLogPage(jobId, after);
    for (const line of page.lines) rows.push(`${line.at} ${line.level} rank${line.rank} ${line.text}\n`);
    if (!page.lines.length || page.next_after <= after) break;
    after = page.next_after;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(rows, { type: "text/plain" }));
  link.download = `${jobId}.log`;
  link.click();
  URL.revokeObjectURL(link.href);
}
