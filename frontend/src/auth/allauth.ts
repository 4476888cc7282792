/**
 * Sign-up, sign-in and reset over allauth's headless browser API. Its answers are 200 (done), 401 (another step is
 * pending), 400 (the form is wrong), 409 (that step is not open); this turns them into one `Outcome`.
 */
import { cookie, RequestFailed, send } from "../api/client";

const BASE = "/_allauth/browser/v1";

export type Step = "done" | "verify_email" | "password_reset_by_code" | "login";

export interface FieldErrors {
  [field: string]: string;
}

export type Outcome = { ok: true; step: Step } | { ok: false; errors: FieldErrors };

interface Body {
  status?: number;
  data?: { flows?: { id: string; is_pending?: boolean }[]; user?: { email?: string } };
  errors?: { message: string; code: string; param?: string }[];
}

async function call(method: string, path: string, body?: unknown): Promise<Outcome> {
  if (!cookie("csrftoken")) await send("GET", `${BASE}/auth/session`); // the first answer brings the token
  const response = await send(method, `${BASE}${path}`, body);
  const answer = (await response.json().catch(() => ({}))) as Body;
  return outcomeOf(response.status, answer, response.headers.get("x-request-id"));
}

export function outcomeOf(status: number, body: Body, requestId: string | null = null): Outcome {
  if (status === 200) return { ok: true, step: "done" };
  if (status === 401) {
    const pending = body.data?.flows?.find((flow) => flow.is_pending)?.id;
    return {
      ok: true,
      step: pending === "verify_email" || pending === "password_reset_by_code" ? pending : "login",
    };
  }
  if (body.errors?.length) {
    return {
      ok: false,
      errors: Object.fromEntries(body.errors.map((error) => [error.param ?? "", error.message])),
    };
  }
  if (status === 409 || status === 429) return { ok: false, errors: { "": String(status) } };
  throw new RequestFailed(status, `http_${status}`, "", requestId);
}

export const signUp = (email: string, password: string) => call("POST", "/auth/signup", { email, password });
export const signIn = (email: string, password: string) => call("POST", "/auth/login", { email, password });
export const signOut = () => call("DELETE", "/auth/session");
export const emailVerify = (code: string) => call("POST", "/auth/email/verify", { key: code });
export const emailResend = () => call("POST", "/auth/email/verify/resend");
export const resetRequest = (email: string) => call("POST", "/auth/password/request", { email });
export const resetFinish = (code: string, password: string) =>
  call("POST", "/auth/password/reset", { key: code, password });
