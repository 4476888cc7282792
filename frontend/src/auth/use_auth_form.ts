/** Runs one step of sign-up or sign-in, and follows to the next; errors go beside the field they are about. */
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { queryClient } from "../api/queries";
import { t } from "../strings";
import { errorWords } from "../ui/Notice";
import type { FieldErrors, Outcome, Step } from "./allauth";

const NEXT: Record<Step, string> = {
  done: "/",
  verify_email: "/verify",
  password_reset_by_code: "/reset",
  login: "/sign-in",
};
const STATUS_WORDS: Record<string, string> = { "409": t.auth.codeLost, "429": t.auth.tooMany };

export function useAuthForm() {
  const navigate = useNavigate();
  const [errors, setErrors] = useState<FieldErrors>({});
  const [isBusy, setBusy] = useState(false);

  const run = async (
    step: () => Promise<Outcome>,
    next: Partial<Record<Step, string>> = {},
  ): Promise<boolean> => {
    setBusy(true);
    setErrors({});
    try {
      const outcome = await step();
      if (!outcome.ok) {
        const general = outcome.errors[""];
        setErrors(general === undefined ? outcome.errors : { "": STATUS_WORDS[general] ?? general });
        return false;
      }
      if (outcome.step === "done") queryClient.clear(); // another account's pages must not stay
      await navigate({ to: next[outcome.step] ?? NEXT[outcome.step] });
      return true;
    } catch (error) {
      setErrors({ "": errorWords(error) });
      return false;
    } finally {
      setBusy(false);
    }
  };
  /** The error of no field of the form: said above its button. */
  const general = (fields: readonly string[]) =>
    Object.entries(errors).find(([field]) => !fields.includes(field))?.[1] ?? null;
  return { run, errors, general, isBusy };
}

const EMAIL_KEY = "svend.auth_email";
export const emailKeep = (email: string): void => sessionStorage.setItem(EMAIL_KEY, email);
export const emailKept = (): string => sessionStorage.getItem(EMAIL_KEY) ?? "";
