import type { ReactNode } from "react";
import { RequestFailed } from "../api/client";
import { t } from "../strings";
import { Button } from "./Button";
import { CopyButton } from "./CopyButton";

export function errorWords(error: unknown): string {
  if (!(error instanceof RequestFailed)) return t.errors.crashed;
  if (error.status === 0) return t.errors.unreachable;
  return error.message || t.errors.generic(error.status);
}

/** What a person can do, where the message does not already say it. */
function cureWords(error: unknown): string {
  if (!(error instanceof RequestFailed)) return "";
  const { cures } = t.errors;
  if (error.status === 401) return cures.signIn;
  if (error.status === 404) return cures.missing;
  return error.status >= 500 ? cures.server : "";
}

/** What failed, why, what to do, and the request id. */
export function ErrorNotice({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const cure = cureWords(error);
  const requestId = error instanceof RequestFailed ? error.requestId : null;
  return (
    <div
      role="alert"
      className="flex max-w-[640px] flex-col items-start gap-3 border-l-2 border-reject py-1 pl-4"
    >
      <div className="min-w-0 max-w-full">
        <p className="break-words">{errorWords(error)}</p>
        {cure && <p className="text-soft">{cure}</p>}
      </div>
      {requestId && (
        <p className="max-w-full font-mono text-xs break-all text-soft select-all">
          {t.errors.requestId(requestId)}
        </p>
      )}
      {(onRetry || requestId) && (
        <span className="flex flex-wrap gap-2">
          {onRetry && <Button onClick={onRetry}>{t.errors.retry}</Button>}
          {requestId && <CopyButton look="quiet" text={requestId} label={t.errors.copyId} />}
        </span>
      )}
    </div>
  );
}

/** One sentence beside what it is about: what was refused, or what is wrong. */
export function AlertLine({ children }: { children: ReactNode }) {
  return (
    <p role="alert" className="text-sm text-reject">
      {children}
    </p>
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
