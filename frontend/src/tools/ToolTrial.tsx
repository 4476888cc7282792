/** A form made from a tool's schema, and what the tool answered, shown as in a run's trace. */
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { toolTry } from "../api/queries";
import type { Tool, ToolTrial as Trial } from "../api/types";
import { t } from "../strings";
import { ToolBody } from "../trace/ToolBody";
import type { ToolStep } from "../trace/trace";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { AlertLine, ErrorNotice } from "../ui/Notice";
import { Select } from "../ui/Select";
import { Toggle } from "../ui/Toggle";
import { type ArgumentField, argumentsText, EXAMPLES, fieldsOf } from "./arguments";

interface Tried {
  raw: string;
  trial: Trial;
}

export function ToolTrial({ tool }: { tool: Tool }) {
  const fields = fieldsOf(tool.parameters);
  const [values, setValues] = useState<Record<string, string>>(EXAMPLES[tool.name] ?? {});
  const [problem, setProblem] = useState("");
  const trial = useMutation({
    mutationFn: async (raw: string): Promise<Tried> => ({ raw, trial: await toolTry(tool.name, raw) }),
  });
  const run = (event: FormEvent) => {
    event.preventDefault();
    try {
      setProblem("");
      trial.mutate(argumentsText(fields, values));
    } catch (error) {
      setProblem(t.tools.noJson(error instanceof Error ? error.message : String(error)));
    }
  };
  // By the example, not by what is typed: a field must not move away under somebody's hands.
  const example = EXAMPLES[tool.name] ?? {};
  const needed = fields.filter((field) => field.isRequired || field.name in example);
  const others = fields.filter((field) => !needed.includes(field));
  const set = (name: string) => (value: string) => setValues({ ...values, [name]: value });
  return (
    <div className="grid grid-cols-2 items-start gap-8 max-lg:grid-cols-1 max-lg:gap-5">
      <form onSubmit={run} className="flex min-w-0 flex-col gap-4" aria-label={t.tools.tryLabel(tool.name)}>
        {needed.map((field) => (
          <ArgumentInput
            key={field.name}
            field={field}
            value={values[field.name]}
            onChange={set(field.name)}
          />
        ))}
        {others.length > 0 && (
          <details>
            <summary className="cursor-pointer text-sm text-soft hover:text-ink">
              {t.tools.more(others.length)}
            </summary>
            <div className="mt-4 flex flex-col gap-4">
              {others.map((field) => (
                <ArgumentInput
                  key={field.name}
                  field={field}
                  value={values[field.name]}
                  onChange={set(field.name)}
                />
              ))}
            </div>
          </details>
        )}
        {problem && <AlertLine>{problem}</AlertLine>}
        <Button
          type="submit"
          look="accent"
          className="self-start"
          disabled={trial.isPending || !tool.is_available}
        >
          {trial.isPending ? t.tools.trying : t.tools.try}
        </Button>
      </form>
      <div className="min-w-0" aria-live="polite">
        {trial.isError && <ErrorNotice error={trial.error} />}
        {trial.isSuccess && <ToolBody step={stepOf(tool.name, trial.data)} fence={tool.fence_tier || null} />}
        {trial.isIdle && <p className="text-sm text-soft">{t.tools.notTried}</p>}
      </div>
    </div>
  );
}

function ArgumentInput({
  field,
  value,
  onChange,
}: {
  field: ArgumentField;
  value: string | undefined;
  onChange: (value: string) => void;
}) {
  const shown = value ?? field.initial;
  switch (field.kind) {
    case "choice":
      return (
        <Select
          label={field.name}
          hint={field.description}
          value={shown}
          onChange={(event) => onChange(event.target.value)}
          options={field.choices.map((choice) => ({ value: choice, label: choice }))}
        />
      );
    case "flag":
      return (
        <div className="flex flex-col items-start gap-1">
          <Toggle isOn={shown === "true"} onChange={(isOn) => onChange(String(isOn))}>
            {field.name}
          </Toggle>
          <p className="text-sm text-soft">{field.description}</p>
        </div>
      );
    case "code":
    case "lines":
    case "json":
      return <LongInput field={field} value={shown} onChange={onChange} />;
    default:
      return (
        <Field
          label={field.name}
          hint={field.description}
          required={field.isRequired}
          inputMode={field.kind === "number" ? "numeric" : "text"}
          value={shown}
          onChange={(event) => onChange(event.target.value)}
        />
      );
  }
}

const ROWS = { code: 8, lines: 4, json: 4 } as const;

function LongInput({
  field,
  value,
  onChange,
}: {
  field: ArgumentField;
  value: string;
  onChange: (value: string) => void;
}) {
  const id = useId();
  const kind = field.kind === "code" || field.kind === "lines" ? field.kind : "json";
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-sm font-medium">
        {field.name}
      </label>
      <textarea
        id={id}
        rows={ROWS[kind]}
        spellCheck={false}
        required={field.isRequired}
        aria-describedby={`${id}-note`}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        className="w-full rounded-md border border-line-strong bg-raised px-3 py-2 font-mono text-[13px] leading-[21px]"
      />
      <p id={`${id}-note`} className="text-sm text-soft">
        {field.description}
        {kind === "lines" && ` ${t.tools.oneALine}`}
      </p>
    </div>
  );
}

function stepOf(name: string, { raw, trial }: Tried): ToolStep {
  const call = {
    type: "tool.call" as const,
    call_id: 1,
    branch_id: 0,
    name,
    arguments: JSON.parse(raw),
    raw,
  };
  const result = { type: "tool.result" as const, call_id: 1, ...trial };
  return { kind: "tool", key: `try-${name}`, callId: 1, branchId: 0, startedAtMs: 0, call, result };
}
