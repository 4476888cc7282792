import { useQuery } from "@tanstack/react-query";
import { toolsQuery } from "../api/queries";
import type { Tool } from "../api/types";
import { bytes } from "../format/bytes";
import { count } from "../format/numbers";
import { t } from "../strings";
import { fieldsOf } from "../tools/arguments";
import { ToolTrial } from "../tools/ToolTrial";
import { Fact } from "../ui/Fact";
import { Empty, ErrorNotice, Skeleton } from "../ui/Notice";
import { PageFrame } from "../ui/PageFrame";

export function ToolsPage() {
  const tools = useQuery(toolsQuery);
  return (
    <PageFrame title={t.tools.title}>
      <p className="max-w-[68ch] font-serif text-md text-soft">{t.tools.lead}</p>
      {tools.isPending && <Skeleton lines={8} />}
      {tools.isError && <ErrorNotice error={tools.error} onRetry={() => void tools.refetch()} />}
      {tools.isSuccess && tools.data.length === 0 && <Empty>{t.tools.empty}</Empty>}
      <div className="flex flex-col gap-13">
        {(tools.data ?? []).map((tool) => (
          <ToolSection key={tool.name} tool={tool} />
        ))}
      </div>
    </PageFrame>
  );
}

function ToolSection({ tool }: { tool: Tool }) {
  const { limits } = tool;
  return (
    <section aria-labelledby={`tool-${tool.name}`} className="flex flex-col gap-5 border-t border-line pt-6">
      <header className="flex flex-col gap-1">
        <p className="flex flex-wrap items-center gap-2 text-sm text-soft">
          {t.tools.source(tool.source, tool.server)}
          <span aria-hidden="true">·</span>
          <span className={tool.is_available ? "text-accept" : "text-reject"}>
            {tool.is_available ? t.tools.available : t.tools.unavailable(tool.unavailable_reason)}
          </span>
        </p>
        <h2 id={`tool-${tool.name}`} className="font-mono text-lg font-semibold break-words">
          {tool.name}
        </h2>
        <p className="max-w-[68ch] font-serif text-md">{tool.description}</p>
      </header>
      <dl className="flex flex-wrap gap-x-11 gap-y-3 text-sm">
        <Fact name={t.tools.fence}>{tool.fence_tier || t.tools.outside}</Fact>
        <Fact name={t.tools.wall}>{t.tools.seconds(limits.wall_seconds)}</Fact>
        {limits.memory_bytes !== null && <Fact name={t.tools.memory}>{bytes(limits.memory_bytes)}</Fact>}
        <Fact name={t.tools.output}>{bytes(limits.output_bytes)}</Fact>
        <Fact name={t.tools.atOnce}>{count(limits.calls_at_once)}</Fact>
      </dl>
      <ToolTrial tool={tool} />
      <details>
        <summary className="cursor-pointer text-sm text-soft hover:text-ink">{t.tools.schema}</summary>
        <Parameters tool={tool} />
      </details>
    </section>
  );
}

function Parameters({ tool }: { tool: Tool }) {
  return (
    <div className="mt-4 flex flex-col gap-5">
      <dl className="flex max-w-[860px] flex-col gap-3 text-sm">
        {fieldsOf(tool.parameters).map((field) => (
          <div key={field.name} className="border-l border-line pl-3">
            <dt>
              <code className="font-mono font-medium">{field.name}</code>{" "}
              <span className="text-soft">{field.isRequired ? t.tools.required : t.tools.optional}</span>
            </dt>
            <dd className="text-soft">
              {field.description}
              {field.choices.length > 0 && ` ${t.tools.oneOf(field.choices)}`}
            </dd>
          </div>
        ))}
      </dl>
      <section
        aria-label={t.tools.schema}
        tabIndex={0}
        className="scrolls rounded-lg border border-line bg-sunk p-3.5"
      >
        <pre className="font-mono text-xs leading-5">{JSON.stringify(tool.parameters, null, 2)}</pre>
      </section>
    </div>
  );
}
