import { expect, test } from "vitest";
import { type StatusLine, verdictOf } from "./verdict";

const line = (name: string, state: StatusLine["state"]): StatusLine => ({
  name,
  state,
  said: "",
  cure: "",
  wall_ms: 1,
});

test("the worst part speaks, by its name", () => {
  const well = [line("postgresql", "ok"), line("tracing", "off")];
  expect(verdictOf(well)).toEqual({ text: "All parts work", isBad: false });
  expect(verdictOf([...well, line("valkey", "late")]).text).toBe("Works, but look at: Valkey");
  expect(
    verdictOf([...well, line("valkey", "late"), line("beat", "failing"), line("new", "failing")]),
  ).toEqual({
    text: "Not working: Beat, new",
    isBad: true,
  });
});
