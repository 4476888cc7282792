import { useQuery } from "@tanstack/react-query";
import { modelsQuery } from "../api/queries";
import type { Model } from "../api/types";
import { countShort } from "../format/numbers";
import { MeasuredTable } from "../models/SuiteTable";
import { t } from "../strings";
import { Fact } from "../ui/Fact";
import { Empty, ErrorNotice, Skeleton } from "../ui/Notice";
import { PageFrame } from "../ui/PageFrame";

export function ModelsPage() {
  const models = useQuery(modelsQuery);
  const sorted = [...(models.data ?? [])].sort((a, b) => a.role.localeCompare(b.role));
  return (
    <PageFrame title={t.models.title}>
      {models.isPending && <Skeleton lines={8} />}
      {models.isError && <ErrorNotice error={models.error} onRetry={() => void models.refetch()} />}
      {models.isSuccess && sorted.length === 0 && <Empty>{t.models.empty}</Empty>}
      <div className="flex flex-col gap-13">
        {sorted.map((model) => (
          <ModelSection key={model.id} model={model} />
        ))}
      </div>
    </PageFrame>
  );
}

function ModelSection({ model }: { model: Model }) {
  const families = model.card.families ?? [];
  return (
    <section aria-labelledby={`model-${model.id}`} className="flex flex-col gap-5 border-t border-line pt-6">
      <header className="flex flex-col gap-1">
        <p className="flex items-center gap-2 text-sm text-soft">
          {model.role === "reasoner" ? t.models.reasoner : t.models.verifier}
          <span aria-hidden="true">·</span>
          <span className={model.is_ready ? "text-accept" : "text-abstain"}>
            {model.is_ready ? t.models.ready : t.models.notReady}
          </span>
        </p>
        <h2 id={`model-${model.id}`} className="font-serif text-lg font-semibold">
          {model.id}
        </h2>
        {model.description && <p className="max-w-[68ch] font-serif text-md">{model.description}</p>}
      </header>
      <dl className="flex flex-wrap gap-x-11 gap-y-3 text-sm">
        <Fact name={t.models.parameters}>{countShort(model.num_parameters)}</Fact>
        <Fact name={t.models.context}>{t.models.tokens(model.context_tokens)}</Fact>
        <Fact name={t.models.price}>
          {model.price_nano_usd_per_token === null
            ? t.models.free
            : t.models.perMillion(model.price_nano_usd_per_token)}
        </Fact>
        {typeof model.card.critic_auc === "number" && model.role === "verifier" && (
          <Fact name={t.models.auc}>{model.card.critic_auc.toFixed(3)}</Fact>
        )}
        {model.card.source?.title && <Fact name={t.measured.source}>{model.card.source.title}</Fact>}
        {model.card.licence && <Fact name={t.measured.licence}>{model.card.licence}</Fact>}
        {model.aliases.length > 0 && <Fact name={t.models.aliases}>{model.aliases.join(", ")}</Fact>}
      </dl>
      {(model.can.length > 0 || model.cannot.length > 0) && (
        <div className="grid max-w-[860px] grid-cols-2 gap-8 max-md:grid-cols-1 max-md:gap-4">
          <Sentences title={t.models.can} items={model.can} />
          <Sentences title={t.models.cannot} items={model.cannot} />
        </div>
      )}
      {families.length > 0 ? (
        <MeasuredTable card={model.card} />
      ) : (
        model.role === "reasoner" && <p className="text-sm text-soft">{t.models.noTable}</p>
      )}
    </section>
  );
}

function Sentences({ title, items }: { title: string; items: string[] }) {
  if (!items.length) return null;
  return (
    <div>
      <h3 className="mb-1.5 text-sm font-semibold">{title}</h3>
      <ul className="flex flex-col gap-1.5">
        {items.map((item) => (
          <li key={item} className="border-l border-line pl-3 text-sm">
            {item}
          </li>
        ))}
      </ul>
    </div>
  );
}
