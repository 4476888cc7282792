import { expect, it } from "vitest";
import { changesOf } from "./audit_words";

it("tells a change of money in dollars", () =>
  expect(
    changesOf({ before: { monthly_cap_nano_usd: null }, after: { monthly_cap_nano_usd: 5_000_000_000 } }),
  ).toEqual([{ name: "monthly cap", before: "none", after: "$5.00" }]));

it("tells what was made and what is gone", () => {
  expect(changesOf({ before: null, after: { role: "owner" } })).toEqual([
    { name: "role", before: null, after: "owner" },
  ]);
  expect(changesOf({ before: { role: "owner" }, after: null })).toEqual([
    { name: "role", before: "owner", after: null },
  ]);
});

it("leaves other values as they are", () =>
  expect(changesOf({ before: null, after: { scopes: ["usage"] } })[0]?.after).toBe('["usage"]'));
