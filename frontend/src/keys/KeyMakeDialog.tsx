/** Makes a key, shows it once with a copy button and the first call filled in, and waits for that call. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { keyMake, keysQuery, queryClient } from "../api/queries";
import type { ApiKeyMade } from "../api/types";
import { t } from "../strings";
import { Button } from "../ui/Button";
import { Chips } from "../ui/Chips";
import { CopyButton } from "../ui/CopyButton";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { AlertLine, errorWords } from "../ui/Notice";
import { dollarsToNano } from "./dollars";
import { type Language, snippet } from "./snippets";

const POLL_MS = 2_000; // while the dialog waits for the key's first call

export function KeyMakeDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const [made, setMade] = useState<ApiKeyMade | null>(null);
  const close = () => {
    setMade(null);
    onClose();
  };
  return (
    <Dialog
      title={made ? t.keys.made : t.keys.make}
      isOpen={isOpen}
      onClose={close}
      canDismiss={made === null}
    >
      {made ? <KeyShown made={made} onDone={close} /> : <KeyForm onMade={setMade} onCancel={close} />}
    </Dialog>
  );
}

function KeyForm({ onMade, onCancel }: { onMade: (made: ApiKeyMade) => void; onCancel: () => void }) {
  const [name, setName] = useState("");
  const [cap, setCap] = useState("");
  const capNano = dollarsToNano(cap);
  const make = useMutation({
    mutationFn: () =>
      keyMake({ name: name.trim(), ...(capNano === null ? {} : { monthly_cap_nano_usd: capNano }) }),
    onSuccess: (made) => {
      void queryClient.invalidateQueries(keysQuery);
      onMade(made);
    },
  });
  const isCapBad = cap.trim() !== "" && capNano === null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() && !isCapBad && !make.isPending) make.mutate();
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <h2 className="font-serif text-lg font-medium">{t.keys.make}</h2>
      <Field
        label={t.keys.name}
        hint={t.keys.nameHint}
        name="name"
        autoFocus
        value={name}
        maxLength={80}
        onChange={(event) => setName(event.target.value)}
      />
      <Field
        label={t.keys.cap}
        hint={t.keys.capHint}
        name="cap"
        inputMode="decimal"
        value={cap}
        onChange={(event) => setCap(event.target.value)}
        error={isCapBad ? t.keys.capBad : null}
      />
      {make.isError && <AlertLine>{errorWords(make.error)}</AlertLine>}
      <div className="mt-2 flex justify-end gap-2">
        <Button onClick={onCancel}>{t.keys.cancel}</Button>
        <Button look="accent" type="submit" disabled={!name.trim() || isCapBad || make.isPending}>
          {t.keys.make}
        </Button>
      </div>
    </form>
  );
}

const LANGUAGES = [
  { value: "curl", label: t.keys.curl },
  { value: "python", label: t.keys.python },
] as const;

function KeyShown({ made, onDone }: { made: ApiKeyMade; onDone: () => void }) {
  const [language, setLanguage] = useState<Language>("curl");
  const keys = useQuery({ ...keysQuery, refetchInterval: POLL_MS });
  const isUsed = keys.data?.some((key) => key.id === made.id && key.last_used_at !== null) ?? false;
  const code = snippet(language, made.key, location.origin);
  return (
    <div className="flex flex-col gap-4">
      <div>
        <h2 className="font-serif text-lg font-medium">{t.keys.made}</h2>
        <p className="text-soft">{t.keys.madeHint}</p>
      </div>
      <div className="flex flex-wrap items-center gap-2">
        <code
          data-api-key
          className="min-w-0 flex-1 basis-64 rounded-md bg-sunk px-3 py-2 font-mono text-[13px] break-all select-all"
        >
          {made.key}
        </code>
        <CopyButton look="accent" text={made.key} label={t.keys.copy} />
      </div>
      <div className="flex flex-col gap-2">
        <div className="flex items-center justify-between gap-4">
          <h3 className="text-sm font-semibold">{t.keys.tryIt}</h3>
          <Chips label={t.keys.tryIt} value={language} options={LANGUAGES} onChange={setLanguage} />
        </div>
        <section aria-label={t.keys.tryIt} tabIndex={0} className="scrolls rounded-md bg-sunk px-3 py-2.5">
          <pre className="font-mono text-xs leading-5">{code}</pre>
        </section>
        <div className="flex items-center justify-between gap-4">
          <p role="status" className={`text-sm ${isUsed ? "text-accept" : "text-soft"}`}>
            {isUsed ? `✓ ${t.keys.received}` : `${t.keys.waiting}…`}
          </p>
          <CopyButton look="quiet" text={code} />
        </div>
      </div>
      <div className="flex justify-end">
        <Button onClick={onDone}>{t.keys.saved}</Button>
      </div>
    </div>
  );
}
