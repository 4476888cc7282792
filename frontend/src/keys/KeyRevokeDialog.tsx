import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { keyRevoke, keysQuery, queryClient } from "../api/queries";
import type { ApiKey } from "../api/types";
import { t } from "../strings";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { errorWords } from "../ui/Notice";

/** Revoking cannot be undone: the key's name is typed to confirm. */
export function KeyRevokeDialog({ apiKey, onClose }: { apiKey: ApiKey | null; onClose: () => void }) {
  return (
    <Dialog title={t.keys.revokeTitle(apiKey?.name ?? "")} isOpen={apiKey !== null} onClose={onClose}>
      {apiKey && <RevokeForm key={apiKey.id} apiKey={apiKey} onClose={onClose} />}
    </Dialog>
  );
}

function RevokeForm({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const revoke = useMutation({
    mutationFn: keyRevoke,
    onSuccess: async () => {
      await queryClient.invalidateQueries(keysQuery);
      onClose();
    },
  });
  const isSame = typed.trim() === apiKey.name.trim();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isSame && !revoke.isPending) revoke.mutate(apiKey.id);
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <div>
        <h2 className="font-serif text-lg font-medium">{t.keys.revokeTitle(apiKey.name)}</h2>
        <p className="text-soft">{t.keys.revokeHint}</p>
      </div>
      <Field
        label={t.keys.revokeType(apiKey.name)}
        name="confirm"
        autoFocus
        autoComplete="off"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        error={revoke.isError ? errorWords(revoke.error) : null}
      />
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{t.keys.cancel}</Button>
        <Button look="danger" type="submit" disabled={!isSame || revoke.isPending}>
          {t.keys.revoke}
        </Button>
      </div>
    </form>
  );
}
