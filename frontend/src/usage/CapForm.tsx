/** Sets or removes a monthly cap: the account's, or a key's. */
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { nanoToDollars } from "../format/numbers";
import { dollarsToNano } from "../keys/dollars";
import { t } from "../strings";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { errorWords } from "../ui/Notice";

interface CapFormProps {
  whose: string | null; // a key's name; null: the account
  current: number | null;
  save: (nanoUsd: number | null) => Promise<unknown>;
  onSaved: () => Promise<unknown>;
  onClose: () => void;
}

export function CapForm({ whose, current, save, onSaved, onClose }: CapFormProps) {
  const [text, setText] = useState(current === null ? "" : nanoToDollars(current));
  const nano = dollarsToNano(text);
  const isBad = text.trim() !== "" && nano === null;
  const saving = useMutation({
    mutationFn: save,
    onSuccess: async () => {
      await onSaved();
      onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (nano !== null && !saving.isPending) saving.mutate(nano);
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <h2 className="font-serif text-lg font-medium">{t.cap.setTitle(whose)}</h2>
      <Field
        label={t.cap.field}
        hint={t.cap.fieldHint}
        name="cap"
        inputMode="decimal"
        autoComplete="off"
        autoFocus
        value={text}
        onChange={(event) => setText(event.target.value)}
        error={isBad ? t.cap.bad : saving.isError ? errorWords(saving.error) : null}
      />
      <div className="flex flex-wrap justify-end gap-2">
        {current !== null && (
          <Button
            look="quiet"
            className="mr-auto -ml-3"
            disabled={saving.isPending}
            onClick={() => saving.mutate(null)}
          >
            {t.cap.remove}
          </Button>
        )}
        <Button onClick={onClose}>{t.common.cancel}</Button>
        <Button look="accent" type="submit" disabled={nano === null || saving.isPending}>
          {t.cap.save}
        </Button>
      </div>
    </form>
  );
}
