import { expect, it } from "vitest";
import { autoTyped, autoWish } from "./auto_form";

it("begins with amounts that the server takes", () => {
  const { wish, errors } = autoWish(autoTyped(null), true);
  expect(errors).toEqual({});
  expect(wish).toEqual({
    is_enabled: true,
    threshold_cents: 500,
    target_cents: 2_000,
    monthly_ceiling_cents: 10_000,
  });
});

it("names the field to mend", () => {
  const typed = autoTyped(null);
  expect(autoWish({ ...typed, threshold: "soon" }, true).errors).toHaveProperty("threshold");
  expect(autoWish({ ...typed, target: "9.99" }, true).errors).toHaveProperty("target");
  expect(autoWish({ ...typed, ceiling: "4" }, true).errors).toHaveProperty("ceiling");
});
