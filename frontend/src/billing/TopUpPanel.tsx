/** An amount, one button, and off to the payment page. */
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button } from "../ui/Button";
import { Chips } from "../ui/Chips";
import { Field } from "../ui/Field";
import { AlertLine, errorWords } from "../ui/Notice";
import { Panel } from "../ui/Panel";
import { topUpStart, wishKey } from "./api";
import { centsRead, dollars } from "./cents";
import { leaveTo } from "./leave";
import { b } from "./strings";
import type { Billing } from "./types";

const PRESETS = [500, 1_000, 2_500, 5_000, 10_000] as const;
const PRESET_FIRST = 1_000;
const OTHER = 0;

export function TopUpPanel({ billing }: { billing: Billing }) {
  const [preset, setPreset] = useState<number>(PRESET_FIRST);
  const [typed, setTyped] = useState("");
  const [isKept, setKept] = useState(billing.card === null);
  const { top_up_cents_min: least, top_up_cents_max: most } = billing;
  const presets = PRESETS.filter((cents) => cents >= least && cents <= most);
  const cents = preset === OTHER ? centsRead(typed) : preset;
  // One key a wish: pressing again after a lost answer is the same top-up, another amount is another.
  const [wish, setWish] = useState({ of: "", key: "" });
  const start = useMutation({
    mutationFn: (amountCents: number) => {
      const of = `${amountCents} ${isKept}`;
      const key = wish.of === of ? wish.key : wishKey();
      setWish({ of, key });
      return topUpStart({ amount_cents: amountCents, keep_card: isKept }, key);
    },
    onSuccess: ({ url }) => leaveTo(url),
  });
  const isOut = cents !== null && (cents < least || cents > most);
  const isBad = preset === OTHER && typed.trim() !== "" && cents === null;
  const canSend = cents !== null && !isOut && !start.isPending && !start.isSuccess;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (canSend) start.mutate(cents);
  };
  return (
    <Panel title={b.topUp.title} hint={b.topUp.hint(least)}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <Chips
          label={b.topUp.amount}
          value={preset}
          options={[
            ...presets.map((amount) => ({ value: amount as number, label: dollars(amount) })),
            { value: OTHER, label: b.topUp.other },
          ]}
          onChange={setPreset}
        />
        {preset === OTHER && (
          <Field
            label={b.topUp.otherLabel}
            hint={b.topUp.bounds(least, most)}
            name="amount"
            inputMode="decimal"
            autoFocus
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
            error={isBad ? b.topUp.bad : isOut ? b.topUp.bounds(least, most) : null}
          />
        )}
        <label className="flex min-h-9 items-start gap-2.5 max-md:min-h-11">
          <input
            type="checkbox"
            className="mt-1 size-4 accent-accent"
            checked={isKept}
            onChange={(event) => setKept(event.target.checked)}
          />
          <span>
            {b.topUp.keep}
            <span className="block text-sm text-soft">{b.topUp.keepHint}</span>
          </span>
        </label>
        {billing.has_tax && <p className="text-sm text-soft">{b.topUp.tax}</p>}
        {start.isError && <AlertLine>{errorWords(start.error)}</AlertLine>}
        <Button look="accent" type="submit" className="self-start" disabled={!canSend}>
          {start.isPending || start.isSuccess ? b.topUp.sending : b.topUp.send(cents)}
        </Button>
      </form>
    </Panel>
  );
}
