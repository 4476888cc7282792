import { describe, expect, it } from "vitest";
import { outcomeOf } from "./allauth";

describe("allauth's answers", () => {
  it("is done at 200", () => expect(outcomeOf(200, {})).toEqual({ ok: true, step: "done" }));
  it("leads to the pending step at 401", () =>
    expect(
      outcomeOf(401, { data: { flows: [{ id: "login" }, { id: "verify_email", is_pending: true }] } }),
    ).toEqual({
      ok: true,
      step: "verify_email",
    }));
  it("puts each error beside its field at 400", () =>
    expect(outcomeOf(400, { errors: [{ message: "Too short.", code: "short", param: "password" }] })).toEqual(
      {
        ok: false,
        errors: { password: "Too short." },
      },
    ));
  it("names a step that is no longer open", () =>
    expect(outcomeOf(409, {})).toEqual({ ok: false, errors: { "": "409" } }));
  it("throws what it does not know", () => expect(() => outcomeOf(500, {})).toThrow());
});
