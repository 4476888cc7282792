/** How the queue treats a job: name, priority, budget, retries, where it may run. */
import { Field } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { Toggle } from "../../ui/Toggle";
import { a } from "../strings";
import type { TermsError, TermsTyped } from "./launch_state";

interface TermsProps {
  typed: TermsTyped;
  errors: TermsError;
  nodeNames: string[];
  onChange: (typed: TermsTyped) => void;
}

export function TermsPanel({ typed, errors, nodeNames, onChange }: TermsProps) {
  const set = (change: Partial<TermsTyped>) => onChange({ ...typed, ...change });
  const toggle = (name: string, isOn: boolean) =>
    set({ nodes: isOn ? [...typed.nodes, name] : typed.nodes.filter((node) => node !== name) });
  return (
    <Panel title={a.launch.terms}>
      <div className="grid grid-cols-2 gap-x-6 gap-y-3 max-sm:grid-cols-1">
        <Field
          label={a.launch.name}
          hint={a.launch.nameHint}
          name="name"
          maxLength={120}
          autoComplete="off"
          value={typed.name}
          onChange={(event) => set({ name: event.target.value })}
        />
        <Field
          label={a.launch.budget}
          hint={a.launch.budgetHint}
          error={errors.budget ? a.launch.budgetBad : null}
          name="budget"
          inputMode="decimal"
          autoComplete="off"
          value={typed.budget}
          onChange={(event) => set({ budget: event.target.value })}
        />
        <Field
          label={a.launch.priority}
          hint={a.launch.priorityHint}
          error={errors.priority ? "−100 … 100" : null}
          name="priority"
          inputMode="numeric"
          value={typed.priority}
          onChange={(event) => set({ priority: event.target.value })}
        />
        <Field
          label={a.launch.retries}
          hint={a.launch.retriesHint}
          error={errors.retries ? "0 … 20" : null}
          name="retries"
          inputMode="numeric"
          value={typed.retries}
          onChange={(event) => set({ retries: event.target.value })}
        />
      </div>
      {nodeNames.length > 0 && (
        <fieldset className="flex flex-col gap-1">
          <legend className="mb-1 text-sm font-medium">{a.launch.nodes}</legend>
          <span className="flex flex-wrap gap-2">
            {nodeNames.map((name) => (
              <Toggle key={name} isOn={typed.nodes.includes(name)} onChange={(isOn) => toggle(name, isOn)}>
                {name}
              </Toggle>
            ))}
          </span>
          <span className="text-sm text-soft">{a.launch.nodesHint}</span>
        </fieldset>
      )}
    </Panel>
  );
}
