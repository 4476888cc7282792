/** Tells a page whether its list is empty: then the list's own words carry the page's one action, else its heading. */
import { useEffect } from "react";

export function useEmptyTold(
  rows: readonly unknown[] | undefined,
  onEmpty: (isEmpty: boolean) => void,
): void {
  const isEmpty = rows?.length === 0 || rows === undefined;
  useEffect(() => onEmpty(isEmpty), [isEmpty, onEmpty]);
}
