/** Ask: the prompt box, and one conversation's runs with the newest one's reasoning open. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { RequestFailed } from "../api/client";
import {
  conversationAsk,
  conversationQuery,
  conversationStart,
  meQuery,
  modelsQuery,
  queryClient,
  USUAL_ALIAS,
} from "../api/queries";
import type { Model, Run } from "../api/types";
import { Composer } from "../ask/Composer";
import { type Draft, draftOf, draftRead, draftWrite } from "../ask/draft";
import { EmptyAsk } from "../ask/EmptyAsk";
import { PastRun } from "../ask/PastRun";
import { PendingRun } from "../ask/PendingRun";
import { priceHint } from "../ask/price_hint";
import { RunColumns } from "../ask/RunColumns";
import { TinyBanner } from "../ask/TinyBanner";
import { useStop } from "../ask/use_stop";
import { idMake } from "../format/ids";
import { t } from "../strings";
import { isSettled } from "../trace/run_follower";
import { ErrorNotice, errorWords, Skeleton } from "../ui/Notice";
import { useTitle } from "../ui/PageFrame";

export function AskPage() {
  const { conversationId } = useParams({ strict: false });
  const navigate = useNavigate();
  const conversation = useQuery({
    ...conversationQuery(conversationId ?? ""),
    enabled: Boolean(conversationId),
  });
  const [draft, setDraft] = useState<Draft>(draftRead);
  const box = useRef<HTMLTextAreaElement>(null);
  const runs: Run[] = (conversationId && conversation.data?.runs) || [];
  const newest = runs.at(-1) ?? null;
  const [isRunning, setRunning] = useState(false);
  const stop = useStop(newest?.id ?? null, isRunning);
  useTitle(newest?.question ?? t.titles.ask);
  useEffect(() => draftWrite(draft), [draft]);

  const ask = useMutation({
    mutationFn: async ({ asked, again }: { asked: Draft; again: boolean }) => {
      const body = {
        question: asked.question.trim(),
        allow_tools: asked.allowTools,
        verify: asked.verify,
        search: asked.search,
        ...(asked.model ? { model: asked.model } : {}),
      };
      if (again && conversationId) {
        await conversationAsk(conversationId, body);
        await queryClient.invalidateQueries(conversationQuery(conversationId));
        return conversationId;
      }
      const begun = await conversationStart({ ...body, id: idMake("conv") });
      queryClient.setQueryData(conversationQuery(begun.conversation.id).queryKey, {
        ...begun.conversation,
        runs: [begun.run],
      });
      return begun.conversation.id;
    },
    onSuccess: (id, { again }) => {
      // The new run is what comes next: the keys that walk its steps work at once, and a phone's keyboard goes.
      document.getElementById("content")?.focus({ preventScroll: true });
      if (!again) setDraft((current) => ({ ...current, question: "" }));
      void queryClient.invalidateQueries({ queryKey: ["history"] });
      void queryClient.invalidateQueries({ queryKey: ["me"] });
      // Without the branch of an earlier run's search in the address; asked again, the page stays where it is.
      void navigate({
        to: "/c/$conversationId",
        params: { conversationId: id },
        search: {} as never,
        resetScroll: id !== conversationId,
      });
    },
  });
  // A new question stands by itself: the model reads no earlier ones. Asking the same again joins its conversation.
  const send = (asked: Draft, again = false) => {
    if (!ask.isPending) ask.mutate({ asked, again });
  };
  const sendAgain = (run: Run) => send(draftOf(run), true);
  const edit = (run: Run, search = run.search) => {
    setDraft({ ...draftOf(run), search });
    box.current?.focus();
  };
  const reasoners = useReasoners();
  const chosen = reasoners.find((model) => model.id === draft.model) ?? reasoners[0];

  return (
    <div className="mx-auto flex min-h-dvh w-full max-w-[1200px] flex-col px-13 max-lg:px-8 max-md:min-h-[calc(100dvh-56px)] max-md:px-4">
      <div className="flex-1 pt-8 pb-10 max-md:pt-5">
        {ask.isPending ? (
          <PendingRun question={ask.variables.asked.question.trim()} />
        ) : conversationId && conversation.isPending ? (
          <Skeleton />
        ) : conversationId && conversation.isError ? (
          <ErrorNotice error={conversation.error} onRetry={() => void conversation.refetch()} />
        ) : newest ? (
          <RunColumns
            key={newest.id}
            run={newest}
            before={runs.slice(0, -1).map((run) => <PastRun key={run.id} run={run} />)}
            onAskAgain={sendAgain}
            onEdit={edit}
            onSearch={(run) => edit(run, { ...run.search, strategy: "auto" })}
            onRunning={setRunning}
          />
        ) : (
          <EmptyAsk onAsk={(question) => send({ ...draft, question })} />
        )}
      </div>
      <div className="sticky bottom-0 bg-paper pb-5 max-md:pb-3">
        <Composer
          box={box}
          draft={draft}
          onDraft={setDraft}
          onAsk={() => send(draft)}
          onStop={isRunning && newest && !isSettled(newest) ? stop.stop : undefined}
          isSending={ask.isPending}
          isStopping={stop.isStopping}
          hint={usePriceHint(draft, chosen)}
          models={reasoners.map((model) => model.id)}
          hasChecker={chosen?.has_critic ?? false}
          placeholder={newest ? t.ask.placeholderMore : t.ask.placeholder}
          error={ask.isError ? askFailure(ask.error) : null}
          isMoneyShort={ask.error instanceof RequestFailed && ask.error.status === 402}
        />
        <div className="pt-2 max-sm:hidden">
          <TinyBanner />
        </div>
      </div>
    </div>
  );
}

function askFailure(error: Error): string {
  const words = errorWords(error);
  return error instanceof RequestFailed && error.requestId
    ? `${words} (${t.errors.requestId(error.requestId)})`
    : words;
}

/** The models that can be asked, the usual one first. */
function useReasoners(): Model[] {
  const { data = [] } = useQuery(modelsQuery);
  const isUsual = (model: Model) => model.aliases.includes(USUAL_ALIAS);
  const reasoners = data.filter((model) => model.role === "reasoner" && (model.is_ready || isUsual(model)));
  return reasoners.sort((one, other) => Number(isUsual(other)) - Number(isUsual(one)));
}

function usePriceHint(draft: Draft, reasoner: Model | undefined) {
  const { data: me } = useQuery(meQuery);
  if (!me || !reasoner) return null;
  return priceHint({
    question: draft.question,
    allowTools: draft.allowTools,
    verify: draft.verify,
    search: draft.search,
    contextTokens: reasoner.context_tokens,
    priceNanoUsdPerToken: reasoner.price_nano_usd_per_token ?? me.price_nano_usd_per_token,
    balanceNanoUsd: me.balance_nano_usd,
  });
}
