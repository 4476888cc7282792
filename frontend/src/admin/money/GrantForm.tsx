/** Gives a customer credit: with a reason, and above $100 with their name typed. A repeat of one form gives it once. */
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { RequestFailed } from "../../api/client";
import { queryClient } from "../../api/queries";
import { dollarsToNano } from "../../keys/dollars";
import { t } from "../../strings";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { AlertLine, errorWords } from "../../ui/Notice";
import { type GrantGiven, grantGive } from "./api";
import { m } from "./strings";

const UNCONFIRMED_NANO_USD_MAX = 100_000_000_000;
const REASON_CHARS_MIN = 3;

interface GrantFormProps {
  accountId: string;
  name: string;
  onClose: () => void;
}

export function GrantForm({ accountId, name, onClose }: GrantFormProps) {
  const [grantId] = useState(() => `grant_${crypto.randomUUID().replaceAll("-", "")}`.slice(0, 38));
  const [amount, setAmount] = useState("");
  const [reason, setReason] = useState("");
  const [confirm, setConfirm] = useState("");
  const nano = dollarsToNano(amount);
  const isLarge = nano !== null && nano > UNCONFIRMED_NANO_USD_MAX;
  const give = useMutation({
    mutationFn: (given: GrantGiven) => grantGive(accountId, given),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["customers"] });
      await queryClient.invalidateQueries({ queryKey: ["customer", accountId] });
      onClose();
    },
  });
  const param = give.error instanceof RequestFailed ? give.error.param : null;
  const isReady =
    nano !== null &&
    nano > 0 &&
    reason.trim().length >= REASON_CHARS_MIN &&
    (!isLarge || confirm.trim() === name.trim());
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isReady && !give.isPending) give.mutate({ id: grantId, amount_nano_usd: nano, reason, confirm });
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <h2 className="font-serif text-lg font-medium break-words">{m.grant.title(name)}</h2>
      <Field
        label={m.grant.amount}
        hint={m.grant.amountHint}
        name="amount"
        inputMode="decimal"
        autoComplete="off"
        autoFocus
        value={amount}
        onChange={(event) => setAmount(event.target.value)}
        error={
          amount.trim() && nano === null
            ? m.grant.amountBad
            : param === "amount_nano_usd"
              ? errorWords(give.error)
              : null
        }
      />
      <Field
        label={m.grant.reason}
        hint={m.grant.reasonHint}
        name="reason"
        maxLength={240}
        autoComplete="off"
        value={reason}
        onChange={(event) => setReason(event.target.value)}
        error={param === "reason" ? errorWords(give.error) : null}
      />
      {isLarge && (
        <Field
          label={m.grant.confirm(name)}
          name="confirm"
          autoComplete="off"
          value={confirm}
          onChange={(event) => setConfirm(event.target.value)}
          error={param === "confirm" ? errorWords(give.error) : null}
        />
      )}
      {give.isError && !["amount_nano_usd", "reason", "confirm"].includes(param ?? "") && (
        <AlertLine>{errorWords(give.error)}</AlertLine>
      )}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{t.common.cancel}</Button>
        <Button look="accent" type="submit" disabled={!isReady || give.isPending}>
          {m.grant.submit}
        </Button>
      </div>
    </form>
  );
}
