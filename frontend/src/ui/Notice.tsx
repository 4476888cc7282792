import type { ReactNode } from "react";
import { RequestFailed } from "../api/client";
import { t } from "../strings";
import { Button } from "./Button";

export function errorWords(error: unknown): string {
  if (!(error instanceof RequestFailed)) return t.errors.crashed;
  if (error.status === 0) return t.errors.unreachable;
  return error.message || t.errors.generic(error.status);
}

/** What failed, why, what to do, and the request id. */
export function ErrorNotice({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const requestId = error instanceof RequestFailed ? error.requestId : null;
  return (
    <div
      role="alert"
      className="flex max-w-[640px] flex-col items-start gap-3 border-l-2 border-reject py-1 pl-4"
    >
      <p>{errorWords(error)}</p>
      {requestId && <p className="font-mono text-xs text-soft select-all">{t.errors.requestId(requestId)}</p>}
      {onRetry && <Button onClick={onRetry}>{t.errors.retry}</Button>}
    </div>
  );
}

/** One sentence and one action, where there is nothing yet. */
export function Empty({ children, action }: { children: ReactNode; action?: ReactNode }) {
  return (
    <div className="flex flex-col items-start gap-4 py-8">
      <p className="max-w-[68ch] font-serif text-md text-soft">{children}</p>
      {action}
    </div>
  );
}

export function Skeleton({ lines = 4 }: { lines?: number }) {
  return (
    <div className="skeleton flex flex-col gap-4 py-2" role="status" aria-label={t.common.loading}>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: identical bars
        <div key={line} className="h-4 rounded-sm bg-sunk" style={{ width: `${88 - ((line * 17) % 40)}%` }} />
      ))}
    </div>
  );
}
