/** The alerts in words, below the curves that carry their marks. */
import { dateTime, utc } from "../../format/dates";
import { a } from "../strings";
import { type Alert, type AlertKind, markOf } from "./alerts";

const COLOURS: Record<AlertKind, string> = {
  non_finite: "text-reject",
  failed: "text-reject",
  lost: "text-reject",
  spike: "text-abstain",
  stall: "text-abstain",
};

export function AlertList({ alerts }: { alerts: Alert[] }) {
  if (alerts.length === 0) return null;
  return (
    <section aria-label={a.alerts.title} className="border-t border-line pt-3">
      <h3 className="mb-1 text-sm font-semibold">{a.alerts.title}</h3>
      <ol tabIndex={0} aria-label={a.alerts.title} className="scrolls max-h-48 overflow-y-auto text-sm">
        {alerts.map((alert, index) => (
          <li key={`${alert.kind} ${alert.step} ${alert.atMs}`} className="flex gap-3 py-1">
            <span aria-hidden="true" className={`figures w-4 shrink-0 text-right ${COLOURS[alert.kind]}`}>
              {markOf(index)}
            </span>
            <span className="min-w-0 break-words">
              <span className={`font-medium ${COLOURS[alert.kind]}`}>{a.alerts.kinds[alert.kind]}</span>,{" "}
              {a.alerts.at(alert.step)}: {alert.words}{" "}
              <time
                className="text-soft"
                dateTime={new Date(alert.atMs).toISOString()}
                title={utc(new Date(alert.atMs).toISOString())}
              >
                {dateTime(new Date(alert.atMs).toISOString())}
              </time>
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
