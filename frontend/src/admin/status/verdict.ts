/** The status of the whole, from its parts: the worst one speaks. */
import type { components } from "../../api/schema.gen";
import { words } from "./strings";

export type Status = components["schemas"]["StatusOutput"];
export type StatusLine = Status["lines"][number];

export const titleOf = (line: StatusLine) => words.parts[line.name]?.title ?? line.name;

export function verdictOf(lines: StatusLine[]): { text: string; isBad: boolean } {
  const named = (state: StatusLine["state"]) =>
    lines
      .filter((line) => line.state === state)
      .map(titleOf)
      .join(", ");
  if (named("failing")) return { text: words.failing(named("failing")), isBad: true };
  if (named("late")) return { text: words.late(named("late")), isBad: false };
  return { text: words.allWell, isBad: false };
}
