/** One field of a spec: the right input for its kind, its hint and its error. */
import { useId } from "react";
import { Field } from "../../ui/Field";
import { Select } from "../../ui/Select";
import { Toggle } from "../../ui/Toggle";
import { a } from "../strings";
import type { FormField } from "./schema_form";

interface SpecFieldProps {
  field: FormField;
  value: string | boolean;
  error: string | undefined;
  isChanged: boolean;
  /** Names that fit: versions, checkpoints. */
  suggestions: string[];
  onChange: (value: string | boolean) => void;
}

export function SpecField({ field, value, error, isChanged, suggestions, onChange }: SpecFieldProps) {
  const id = useId();
  const label = isChanged ? `${field.label} (${a.launch.changed})` : field.label;
  if (field.kind === "boolean" || field.kind === "group")
    return (
      <label className="flex min-h-11 cursor-pointer flex-col gap-1">
        <span className="text-sm font-medium">{label}</span>
        <span className="flex min-h-11 items-center gap-3">
          <input
            type="checkbox"
            className="size-4 accent-accent"
            checked={value === true}
            onChange={(event) => onChange(event.target.checked)}
          />
          <span className="text-sm text-soft">{field.hint || (value ? a.launch.yes : a.launch.no)}</span>
        </span>
      </label>
    );
  if (field.kind === "choice")
    return (
      <Select
        label={label}
        hint={field.hint}
        name={field.path}
        value={String(value)}
        onChange={(event) => onChange(event.target.value)}
        options={[
          ...(field.isOptional ? [{ value: "", label: a.launch.none }] : []),
          ...field.choices.map((choice) => ({ value: choice, label: choice })),
        ]}
      />
    );
  if (field.kind === "choices")
    return <Choices {...{ field, label, error, onChange }} chosen={String(value).split(/[\s,]+/)} />;
  const isNumber = field.kind === "integer" || field.kind === "number";
  return (
    <>
      <Field
        label={label}
        hint={field.hint}
        name={field.path}
        error={error ?? null}
        value={String(value)}
        placeholder={field.isOptional ? a.launch.none : undefined}
        inputMode={isNumber ? "decimal" : undefined}
        autoComplete="off"
        spellCheck={false}
        list={suggestions.length ? id : undefined}
        className={isNumber ? "figures" : ""}
        onChange={(event) => onChange(event.target.value)}
      />
      {suggestions.length > 0 && (
        <datalist id={id}>
          {suggestions.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      )}
    </>
  );
}

interface ChoicesProps {
  field: FormField;
  label: string;
  error: string | undefined;
  chosen: string[];
  onChange: (value: string) => void;
}

/** Several of a few names: a chip each. */
function Choices({ field, label, error, chosen, onChange }: ChoicesProps) {
  const toggle = (name: string, isOn: boolean) =>
    onChange(field.choices.filter((one) => (one === name ? isOn : chosen.includes(one))).join(", "));
  return (
    <fieldset className="col-span-full flex flex-col gap-1">
      <legend className="mb-1 text-sm font-medium">{label}</legend>
      <span className="flex flex-wrap gap-2">
        {field.choices.map((name) => (
          <Toggle key={name} isOn={chosen.includes(name)} onChange={(isOn) => toggle(name, isOn)}>
            {name}
          </Toggle>
        ))}
      </span>
      <span role={error ? "alert" : undefined} className={`text-sm ${error ? "text-reject" : "text-soft"}`}>
        {error || field.hint}
      </span>
    </fieldset>
  );
}
