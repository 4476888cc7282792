/** Automatic top-up: what it would do, in one sentence, and the three amounts that bound it. */
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { queryClient } from "../api/queries";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { AlertLine, errorWords } from "../ui/Notice";
import { Panel } from "../ui/Panel";
import { autoTopUpSave, billingQuery } from "./api";
import { type AutoErrors, type AutoTyped, autoTyped, autoWish } from "./auto_form";
import { b } from "./strings";
import type { AutoTopUpWish, Billing } from "./types";

export function AutoTopUpPanel({ billing }: { billing: Billing }) {
  const { auto_top_up: setting, card } = billing;
  const isOn = setting?.is_enabled ?? false;
  const [isOpen, setOpen] = useState(false);
  const save = useMutation({
    mutationFn: autoTopUpSave,
    onSuccess: async () => {
      await queryClient.invalidateQueries(billingQuery);
      setOpen(false);
    },
  });
  const off = () => {
    const { wish } = autoWish(autoTyped(setting), false);
    if (wish) save.mutate(wish);
  };
  return (
    <Panel title={b.auto.title}>
      {isOn && setting && card ? (
        <>
          <p>{b.auto.on(setting, b.papers.cardShort(card))}</p>
          <p className="text-sm text-soft">
            {setting.is_ceiling_reached
              ? b.auto.ceilingReached
              : b.auto.ceilingUse(setting.spent_this_month_cents, setting.monthly_ceiling_cents)}
          </p>
        </>
      ) : (
        <p className="text-soft">{card ? b.auto.off : b.auto.noCard}</p>
      )}
      {save.isError && <AlertLine>{errorWords(save.error)}</AlertLine>}
      {card && !isOpen && (
        <div className="flex flex-wrap gap-2">
          <Button onClick={() => setOpen(true)}>{isOn ? b.auto.change : b.auto.switchOn}</Button>
          {isOn && (
            <Button look="quiet" disabled={save.isPending} onClick={off}>
              {b.auto.switchOff}
            </Button>
          )}
        </div>
      )}
      {isOpen && (
        <AutoForm
          first={autoTyped(setting)}
          isOn={isOn}
          isSaving={save.isPending}
          onSave={(wish) => save.mutate(wish)}
          onCancel={() => setOpen(false)}
        />
      )}
    </Panel>
  );
}

interface AutoFormProps {
  first: AutoTyped;
  isOn: boolean;
  isSaving: boolean;
  onSave: (wish: AutoTopUpWish) => void;
  onCancel: () => void;
}

function AutoForm({ first, isOn, isSaving, onSave, onCancel }: AutoFormProps) {
  const [typed, setTyped] = useState(first);
  const [errors, setErrors] = useState<AutoErrors>({});
  const field = (name: keyof AutoTyped) => ({
    name,
    label: b.auto[name],
    inputMode: "decimal" as const,
    value: typed[name],
    error: errors[name] ?? null,
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { wish, errors: found } = autoWish(typed, true);
    setErrors(found);
    if (wish) onSave(wish);
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      <div className="grid grid-cols-3 items-start gap-4 max-lg:grid-cols-1 max-lg:gap-2">
        <Field {...field("threshold")} autoFocus />
        <Field {...field("target")} />
        <Field {...field("ceiling")} hint={b.auto.ceilingHint} />
      </div>
      <div className="flex gap-2">
        <Button look="accent" type="submit" disabled={isSaving}>
          {isOn ? b.auto.save : b.auto.switchOn}
        </Button>
        <Button look="quiet" onClick={onCancel}>
          {b.cancel}
        </Button>
      </div>
    </form>
  );
}
