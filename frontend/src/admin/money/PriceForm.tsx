/** Adds a price row: a model's price from now on, or from a moment to come. */
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { RequestFailed } from "../../api/client";
import { queryClient } from "../../api/queries";
import { t } from "../../strings";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { AlertLine, errorWords } from "../../ui/Notice";
import { type PriceGiven, priceAdd, pricesQuery } from "./api";
import { perMillionToNano } from "./price";
import { m } from "./strings";

const REASON_CHARS_MIN = 3;
const FIELDS = ["model", "nano_usd_per_token", "effective_from", "reason"];

export function PriceForm({ models, onClose }: { models: string[]; onClose: () => void }) {
  const [model, setModel] = useState("");
  const [price, setPrice] = useState("");
  const [from, setFrom] = useState("");
  const [reason, setReason] = useState("");
  const nano = perMillionToNano(price);
  const add = useMutation({
    mutationFn: (given: PriceGiven) => priceAdd(given),
    onSuccess: async () => {
      await queryClient.invalidateQueries(pricesQuery);
      onClose();
    },
  });
  const param = add.error instanceof RequestFailed ? (add.error.param ?? "") : null;
  const errorOf = (field: string) => (param === field ? errorWords(add.error) : null);
  const isReady = model.trim() !== "" && nano !== null && reason.trim().length >= REASON_CHARS_MIN;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isReady && !add.isPending)
      add.mutate({
        model: model.trim(),
        nano_usd_per_token: nano,
        effective_from: from ? `${from}:00Z` : null,
        reason: reason.trim(),
      });
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <h2 className="font-serif text-lg font-medium">{m.prices.add}</h2>
      <Field
        label={m.prices.model}
        hint={m.prices.modelHint}
        name="model"
        list="priced-models"
        autoComplete="off"
        autoFocus
        value={model}
        onChange={(event) => setModel(event.target.value)}
        error={errorOf("model")}
      />
      <datalist id="priced-models">
        {models.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <Field
        label={m.prices.price}
        hint={m.prices.priceHint}
        name="price"
        inputMode="decimal"
        autoComplete="off"
        value={price}
        onChange={(event) => setPrice(event.target.value)}
        error={price.trim() && nano === null ? m.prices.priceBad : errorOf("nano_usd_per_token")}
      />
      <Field
        label={m.prices.from}
        hint={m.prices.fromHint}
        name="from"
        type="datetime-local"
        value={from}
        onChange={(event) => setFrom(event.target.value)}
        error={errorOf("effective_from")}
      />
      <Field
        label={m.prices.reason}
        hint={m.prices.reasonHint}
        name="reason"
        maxLength={240}
        autoComplete="off"
        value={reason}
        onChange={(event) => setReason(event.target.value)}
        error={errorOf("reason")}
      />
      {add.isError && !FIELDS.includes(param ?? "") && <AlertLine>{errorWords(add.error)}</AlertLine>}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{t.common.cancel}</Button>
        <Button look="accent" type="submit" disabled={!isReady || add.isPending}>
          {m.prices.submit}
        </Button>
      </div>
    </form>
  );
}
