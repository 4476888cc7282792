/** The settings of a job, as fields or as JSON, kept in step. */
import { useState } from "react";
import { Chips } from "../../ui/Chips";
import { AlertLine } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import type { JobKind } from "../api_types";
import { a } from "../strings";
import { FILE_PATH, fieldsMeant, isLeading } from "./field_rules";
import { SpecField } from "./SpecField";
import {
  type FormField,
  type FormValues,
  formRead,
  formValues,
  isInAbsentGroup,
  type Spec,
} from "./schema_form";

interface SpecFormProps {
  kind: JobKind;
  fields: FormField[];
  values: FormValues;
  errors: Record<string, string>;
  /** Values that it began with, where it is a clone. */
  cloned: FormValues | null;
  suggestions: string[];
  onChange: (values: FormValues) => void;
}

export function SpecForm(props: SpecFormProps) {
  const [view, setView] = useState<"form" | "json">("form");
  return (
    <Panel
      title={a.launch.settings}
      tools={
        <Chips
          label={a.launch.view}
          value={view}
          options={[
            { value: "form", label: a.launch.asForm },
            { value: "json", label: a.launch.asJson },
          ]}
          onChange={setView}
        />
      }
    >
      {view === "form" ? <Fields {...props} /> : <SpecJson {...props} />}
    </Panel>
  );
}

function Fields({ kind, fields, values, errors, cloned, suggestions, onChange }: SpecFormProps) {
  const [isAll, setAll] = useState(false);
  const asked = fieldsMeant(kind, fields, values).filter(
    (field) => field.path !== FILE_PATH && !isInAbsentGroup(field, fields, values),
  );
  const shown = asked.filter(
    (field) => isAll || isLeading(kind, field) || errors[field.path] || changed(field, values, cloned),
  );
  const isModel = (field: FormField) =>
    ["parent", "model", "verifier", "teacher", "artifact"].includes(field.path);
  return (
    <>
      <div className="grid grid-cols-2 gap-x-6 gap-y-3 max-sm:grid-cols-1">
        {shown.map((field) => (
          <SpecField
            key={field.path}
            field={field}
            value={values[field.path] ?? ""}
            error={errors[field.path]}
            isChanged={changed(field, values, cloned)}
            suggestions={isModel(field) ? suggestions : []}
            onChange={(value) => onChange({ ...values, [field.path]: value })}
          />
        ))}
      </div>
      {(isAll || shown.length < asked.length) && (
        <button
          type="button"
          aria-expanded={isAll}
          onClick={() => setAll(!isAll)}
          className="min-h-9 self-start text-sm text-soft underline decoration-line-strong underline-offset-4 hover:text-ink max-md:min-h-11"
        >
          {isAll ? a.launch.fewer : a.launch.more}
        </button>
      )}
    </>
  );
}

const changed = (field: FormField, values: FormValues, cloned: FormValues | null): boolean =>
  cloned !== null && cloned[field.path] !== values[field.path];

function SpecJson({ kind, fields, values, onChange }: SpecFormProps) {
  const [text, setText] = useState(() =>
    JSON.stringify(formRead(kind, fieldsMeant(kind, fields, values), values).spec, null, 2),
  );
  const [isBad, setBad] = useState(false);
  const typed = (next: string) => {
    setText(next);
    try {
      const spec: unknown = JSON.parse(next);
      const isObject = typeof spec === "object" && spec !== null && !Array.isArray(spec);
      setBad(!isObject);
      if (isObject) onChange(formValues(fields, spec as Spec));
    } catch {
      setBad(true);
    }
  };
  return (
    <div className="flex flex-col gap-1">
      <textarea
        aria-label={a.launch.asJson}
        aria-invalid={isBad}
        rows={Math.min(32, text.split("\n").length + 1)}
        spellCheck={false}
        value={text}
        onChange={(event) => typed(event.target.value)}
        className="w-full rounded-md border border-line-strong bg-raised p-3 font-mono text-xs"
      />
      {isBad && <AlertLine>{a.launch.jsonBad}</AlertLine>}
    </div>
  );
}
