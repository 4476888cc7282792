/** Which branch the page shows: the one in the address, or none, which follows the run. A reload keeps it. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";

export function useBranch(): [number | null, (id: number | null) => void] {
  const search = useSearch({ strict: false }) as { branch?: unknown };
  const navigate = useNavigate();
  const choose = useCallback(
    (id: number | null) =>
      void navigate({
        to: ".",
        search: ((old: object) => ({ ...old, branch: id ?? undefined })) as never,
        replace: true,
        resetScroll: false,
      }),
    [navigate],
  );
  return [typeof search.branch === "number" ? search.branch : null, choose];
}
