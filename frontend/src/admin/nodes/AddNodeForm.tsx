/** Adding a node: the two lines that start it, then its address. The secret is made by the server, shown this once. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { RequestFailed } from "../../api/client";
import { queryClient } from "../../api/queries";
import { dollarsToNano } from "../../keys/dollars";
import { t } from "../../strings";
import { Button } from "../../ui/Button";
import { CopyButton } from "../../ui/CopyButton";
import { Field } from "../../ui/Field";
import { ErrorNotice, errorWords, Skeleton } from "../../ui/Notice";
import { Select } from "../../ui/Select";
import { type NodeGiven, nodeAdd, nodeStartLines } from "../api";
import type { NodeRow } from "../api_types";
import { a } from "../strings";
import { isNodeName } from "./node_words";

export function AddNodeForm({ onClose }: { onClose: () => void }) {
  // Asked once for this dialog: a second answer would be another secret than the one that was copied.
  const lines = useQuery({
    queryKey: ["node-start-lines"],
    queryFn: nodeStartLines,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnMount: false,
    refetchOnWindowFocus: false,
  });
  return (
    <div className="flex flex-col gap-4">
      <h2 className="font-serif text-lg font-medium">{a.nodes.add}</h2>
      {lines.isPending && <Skeleton />}
      {lines.isError && <ErrorNotice error={lines.error} onRetry={() => void lines.refetch()} />}
      {lines.data && (
        <div className="flex flex-col gap-2">
          <p className="text-sm">{a.nodes.addLines}</p>
          <pre tabIndex={0} className="scrolls rounded-md bg-sunk p-3 font-mono text-xs leading-5">
            {lines.data.lines.join("\n")}
          </pre>
          <div>
            <CopyButton text={lines.data.lines.join("\n")} label={a.nodes.copyLines} />
          </div>
          <p className="text-sm text-soft">{a.nodes.addHint}</p>
        </div>
      )}
      {lines.data && <NodeFields secretMade={lines.data.secret} onClose={onClose} />}
    </div>
  );
}

/** Those that say beside them what was wrong; anything else is said below. */
const FIELDS = new Set(["name", "url", "secret", "price_nano_usd_per_hour"]);

function NodeFields({ secretMade, onClose }: { secretMade: string; onClose: () => void }) {
  const [name, setName] = useState("");
  const [url, setUrl] = useState("https://");
  const [secret, setSecret] = useState(secretMade);
  const [role, setRole] = useState<NodeRow["role"]>("both");
  const [price, setPrice] = useState("");
  const add = useMutation({
    mutationFn: (given: NodeGiven) => nodeAdd(given),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["nodes"] });
      onClose();
    },
  });
  const priceNano = price.trim() ? dollarsToNano(price) : 0;
  const isBadName = name !== "" && !isNodeName(name);
  const isReady = isNodeName(name) && url.length > "https://".length && secret !== "" && priceNano !== null;
  const param = add.error instanceof RequestFailed ? add.error.param : null;
  const errorOf = (field: string) => (add.isError && param === field ? errorWords(add.error) : null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isReady && !add.isPending)
      add.mutate({ name, url, secret, role, price_nano_usd_per_hour: priceNano });
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      <Field
        label={a.nodes.name}
        hint={a.nodes.nameHint}
        error={isBadName ? a.nodes.nameBad : errorOf("name")}
        autoComplete="off"
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <Field
        label={a.nodes.url}
        hint={a.nodes.urlHint}
        error={errorOf("url")}
        inputMode="url"
        autoComplete="off"
        value={url}
        onChange={(event) => setUrl(event.target.value)}
      />
      <Field
        label={a.nodes.secret}
        hint={a.nodes.secretHint}
        error={errorOf("secret")}
        autoComplete="off"
        spellCheck={false}
        className="font-mono text-xs!"
        value={secret}
        onChange={(event) => setSecret(event.target.value)}
      />
      <div className="grid grid-cols-2 gap-4 max-sm:grid-cols-1">
        <Select
          label={a.nodes.role}
          value={role}
          onChange={(event) => setRole(event.target.value as NodeRow["role"])}
          options={(["both", "train", "serve"] as const).map((value) => ({
            value,
            label: a.nodes.roles[value],
          }))}
        />
        <Field
          label={a.nodes.price}
          hint={a.nodes.priceHint}
          error={priceNano === null ? a.nodes.priceBad : errorOf("price_nano_usd_per_hour")}
          inputMode="decimal"
          value={price}
          onChange={(event) => setPrice(event.target.value)}
        />
      </div>
      {add.isError && !FIELDS.has(param ?? "") && <ErrorNotice error={add.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{t.common.cancel}</Button>
        <Button look="accent" type="submit" disabled={!isReady || add.isPending}>
          {a.nodes.addSubmit}
        </Button>
      </div>
    </form>
  );
}
