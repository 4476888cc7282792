/** A schedule out of the launch form: its settings and terms again and again, from a first start on. */
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { queryClient } from "../../api/queries";
import { t } from "../../strings";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { ErrorNotice } from "../../ui/Notice";
import { Select } from "../../ui/Select";
import { type ScheduleGiven, scheduleMake } from "../api";
import type { JobTerms } from "../api_types";
import { a } from "../strings";
import { EVERY_SECONDS_MIN, everySeconds, everyWords, firstAt, UNITS, type Unit } from "./every";

interface RepeatProps {
  spec: Record<string, unknown>;
  terms: JobTerms;
  onClose: () => void;
  onMade: () => void;
}

export function RepeatForm({ spec, terms, onClose, onMade }: RepeatProps) {
  const [name, setName] = useState(terms.name ?? "");
  const [number, setNumber] = useState("1");
  const [unit, setUnit] = useState<Unit>("day");
  const [first, setFirst] = useState("");
  const make = useMutation({
    mutationFn: (given: ScheduleGiven) => scheduleMake(given),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["schedules"] });
      onMade();
    },
  });
  const seconds = everySeconds(number, unit);
  const at = firstAt(first);
  const isReady = name.trim() !== "" && seconds !== null && !make.isPending;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!isReady) return;
    make.mutate({
      name: name.trim(),
      spec,
      every_seconds: seconds,
      priority: terms.priority ?? 0,
      budget_nano_usd: terms.budget_nano_usd ?? null,
      ...(at ? { first_at: at } : {}),
    });
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <div>
        <h2 className="font-serif text-lg font-medium">{a.schedules.repeatTitle}</h2>
        <p className="text-soft">{a.schedules.repeatHint}</p>
      </div>
      <Field
        label={a.schedules.name}
        hint={a.schedules.nameBad}
        maxLength={120}
        autoFocus
        autoComplete="off"
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <div className="grid grid-cols-2 gap-4">
        <Field
          label={a.schedules.number}
          error={seconds === null ? a.schedules.numberBad(everyWords(EVERY_SECONDS_MIN)) : null}
          inputMode="numeric"
          value={number}
          onChange={(event) => setNumber(event.target.value)}
        />
        <Select
          label={a.schedules.unit}
          value={unit}
          onChange={(event) => setUnit(event.target.value as Unit)}
          options={UNITS.map((value) => ({ value, label: a.schedules.units[value] }))}
        />
      </div>
      <Field
        label={a.schedules.first}
        hint={a.schedules.firstHint}
        type="datetime-local"
        value={first}
        onChange={(event) => setFirst(event.target.value)}
      />
      {make.isError && <ErrorNotice error={make.error} />}
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>{t.common.cancel}</Button>
        <Button look="accent" type="submit" disabled={!isReady}>
          {a.schedules.submit}
        </Button>
      </div>
    </form>
  );
}
