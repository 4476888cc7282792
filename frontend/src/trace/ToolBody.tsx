/** What a tool was given and what came of it. Long text folds to its first lines; long lines scroll inside. */
import { useState } from "react";
import { type CodeSpan, pythonSpans } from "../format/code";
import { duration } from "../format/numbers";
import { t } from "../strings";
import { ToolAttachments } from "./ToolAttachments";
import { callReadable } from "./tool_words";
import type { ToolStep } from "./trace";

const LINES_SHOWN_MAX = 12; // a call and its result fit a screen of a phone

const INK: Record<CodeSpan["kind"], string> = {
  plain: "",
  keyword: "text-accent",
  string: "text-soft",
  comment: "text-soft italic",
  number: "",
};

export function ToolBody({ step, fence }: { step: ToolStep; fence: string | null }) {
  const call = callReadable(step.call);
  const result = step.result;
  const isOk = !result || result.status === "ok";
  return (
    <div className="overflow-hidden rounded-lg border border-line bg-raised shadow-panel">
      <div className="flex items-baseline justify-between gap-4 border-b border-line px-3.5 py-2">
        <p className="text-sm">
          <span className="font-semibold">{toolWords(step)}</span>{" "}
          <span className={isOk ? "text-soft" : "text-reject"}>
            {result && !isOk ? t.trace.status[result.status] : t.trace.toolHow(fence)}
          </span>
        </p>
        <span className="figures text-sm whitespace-nowrap text-soft">
          {result ? duration(result.wall_ms) : ""}
        </span>
      </div>
      <Block label={t.trace.codeLabel} text={call.text} isPython={call.language === "python"} />
      {step.call.arguments === null && (
        <p className="px-3.5 pb-3 text-sm text-abstain">{t.trace.badArguments}</p>
      )}
      {result && (
        <div className={`border-t border-dashed border-line bg-sunk ${isOk ? "" : "text-reject"}`}>
          <Block label={t.trace.resultLabel} text={result.text || t.trace.noOutput} isPython={false} />
          <ToolAttachments attachments={result.attachments ?? []} />
          {result.is_truncated && <p className="px-3.5 pb-3 text-sm text-soft">{t.trace.truncated}</p>}
        </div>
      )}
    </div>
  );
}

export function toolWords(step: ToolStep): string {
  const { name } = step.call;
  if (!step.result) return t.trace.toolRunning[name] ?? t.trace.toolOtherRunning(name);
  return t.trace.toolRan[name] ?? t.trace.toolOther(name);
}

function Block({ label, text, isPython }: { label: string; text: string; isPython: boolean }) {
  const [isWhole, setWhole] = useState(false);
  const lines = text.split("\n");
  const isLong = lines.length > LINES_SHOWN_MAX;
  const shown = isLong && !isWhole ? lines.slice(0, LINES_SHOWN_MAX).join("\n") : text;
  return (
    <>
      <section
        aria-label={label}
        tabIndex={0}
        className="scrolls px-3.5 py-2.5 focus-visible:outline-offset-[-2px]"
      >
        <pre className="font-mono text-[13px] leading-[21px]">
          <code>{isPython ? <Python code={shown} /> : shown}</code>
        </pre>
      </section>
      {isLong && (
        <button
          type="button"
          onClick={() => setWhole(!isWhole)}
          className="mx-3.5 mb-2.5 text-sm text-soft underline decoration-line underline-offset-4 hover:text-ink"
        >
          {isWhole ? t.trace.showLess : t.trace.showAll(lines.length)}
        </button>
      )}
    </>
  );
}

function Python({ code }: { code: string }) {
  return pythonSpans(code).map((span, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the spans of one text do not move
    <span key={index} className={INK[span.kind]}>
      {span.text}
    </span>
  ));
}
