/** What a node costs an hour and what it is meant for. */
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { queryClient } from "../../api/queries";
import { dollarsToNano } from "../../keys/dollars";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { ErrorNotice } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import { Select } from "../../ui/Select";
import { nodeChange } from "../api";
import type { NodeRow } from "../api_types";
import { dollarsOf } from "../launch/launch_state";
import { a } from "../strings";

const ROLES = ["both", "train", "serve"] as const;

export function NodeTerms({ node }: { node: NodeRow }) {
  const [price, setPrice] = useState(() => dollarsOf(node.price_nano_usd_per_hour));
  const [role, setRole] = useState(node.role);
  const change = useMutation({
    mutationFn: (priceNano: number) => nodeChange(node.name, { role, price_nano_usd_per_hour: priceNano }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["nodes"] }),
  });
  const priceNano = price.trim() ? dollarsToNano(price) : 0;
  const isChanged = priceNano !== node.price_nano_usd_per_hour || role !== node.role;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (priceNano !== null && isChanged && !change.isPending) change.mutate(priceNano);
  };
  return (
    <Panel title={a.node.terms} hint={a.node.termsHint}>
      <form onSubmit={submit} className="flex flex-col gap-3">
        <div className="grid grid-cols-2 gap-4 max-sm:grid-cols-1">
          <Field
            label={a.nodes.price}
            hint={a.nodes.priceHint}
            error={priceNano === null ? a.nodes.priceBad : null}
            inputMode="decimal"
            autoComplete="off"
            value={price}
            onChange={(event) => setPrice(event.target.value)}
          />
          <Select
            label={a.nodes.role}
            value={role}
            onChange={(event) => setRole(event.target.value as NodeRow["role"])}
            options={ROLES.map((value) => ({ value, label: a.nodes.roles[value] }))}
          />
        </div>
        {change.isError && <ErrorNotice error={change.error} />}
        <div className="flex flex-wrap items-center gap-3">
          <Button type="submit" disabled={priceNano === null || !isChanged || change.isPending}>
            {a.node.save}
          </Button>
          <span role="status" className="text-sm text-accept">
            {change.isSuccess && !isChanged && a.node.saved}
          </span>
        </div>
      </form>
    </Panel>
  );
}
