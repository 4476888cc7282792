/** Sign in, sign up, confirm the e-mail by code, reset the password by code. */
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { AuthFrame, AuthLink } from "../auth/AuthFrame";
import { emailResend, emailVerify, resetFinish, resetRequest, signIn, signUp } from "../auth/allauth";
import { PasswordField } from "../auth/PasswordField";
import { emailKeep, emailKept, useAuthForm } from "../auth/use_auth_form";
import { t } from "../strings";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";

const CREDENTIALS = ["email", "password"] as const;

function EmailField({
  value,
  onChange,
  error,
}: {
  value: string;
  onChange: (email: string) => void;
  error: string | null;
}) {
  return (
    <Field
      label={t.auth.email}
      name="email"
      type="email"
      autoComplete="username"
      inputMode="email"
      autoFocus
      required
      value={value}
      onChange={(event) => onChange(event.target.value)}
      error={error}
    />
  );
}

export function SignInPage() {
  const form = useAuthForm();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const submit = () => {
    emailKeep(email);
    void form.run(() => signIn(email.trim(), password));
  };
  return (
    <AuthFrame
      title={t.auth.signInTitle}
      action={t.auth.signIn}
      isBusy={form.isBusy}
      error={form.general(CREDENTIALS)}
      onSubmit={submit}
      after={
        <>
          <AuthLink to="/sign-up">{t.auth.toSignUp}</AuthLink>
          <AuthLink to="/forgot">{t.auth.forgot}</AuthLink>
        </>
      }
    >
      <EmailField value={email} onChange={setEmail} error={form.errors.email ?? null} />
      <PasswordField
        label={t.auth.password}
        value={password}
        onChange={setPassword}
        isNew={false}
        error={form.errors.password ?? null}
      />
    </AuthFrame>
  );
}

export function SignUpPage() {
  const form = useAuthForm();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const submit = () => {
    emailKeep(email);
    void form.run(() => signUp(email.trim(), password));
  };
  return (
    <AuthFrame
      title={t.auth.signUpTitle}
      hint={t.auth.signUpHint}
      action={t.auth.signUp}
      isBusy={form.isBusy}
      error={form.general(CREDENTIALS)}
      onSubmit={submit}
      after={<AuthLink to="/sign-in">{t.auth.toSignIn}</AuthLink>}
    >
      <EmailField value={email} onChange={setEmail} error={form.errors.email ?? null} />
      <PasswordField
        label={t.auth.password}
        value={password}
        onChange={setPassword}
        isNew
        error={form.errors.password ?? null}
      />
    </AuthFrame>
  );
}

function CodeField({
  value,
  onChange,
  error,
}: {
  value: string;
  onChange: (code: string) => void;
  error: string | null;
}) {
  return (
    <Field
      label={t.auth.code}
      name="code"
      autoComplete="one-time-code"
      autoFocus
      required
      spellCheck={false}
      className="font-mono tracking-[0.12em]"
      value={value}
      onChange={(event) => onChange(event.target.value)}
      error={error}
    />
  );
}

export function VerifyPage() {
  const form = useAuthForm();
  const resend = useAuthForm();
  const { code: linked = "" } = useParams({ strict: false });
  const [code, setCode] = useState(linked);
  const [isResent, setResent] = useState(false);
  const again = () => void resend.run(emailResend, { verify_email: "/verify" }).then(setResent);
  return (
    <AuthFrame
      title={t.auth.codeTitle}
      hint={t.auth.codeHint(emailKept())}
      action={t.auth.confirm}
      isBusy={form.isBusy}
      error={form.general(["key"]) ?? resend.general([])}
      onSubmit={() => void form.run(() => emailVerify(code.trim()))}
      after={
        <>
          <Button look="quiet" className="-ml-3" onClick={again} disabled={resend.isBusy}>
            {isResent ? t.auth.resent : t.auth.resend}
          </Button>
          <AuthLink to="/sign-up">{t.auth.toSignUp}</AuthLink>
        </>
      }
    >
      <CodeField value={code} onChange={setCode} error={form.errors.key ?? null} />
    </AuthFrame>
  );
}

export function ForgotPage() {
  const form = useAuthForm();
  const [email, setEmail] = useState(emailKept());
  const submit = () => {
    emailKeep(email);
    void form.run(() => resetRequest(email.trim()), { done: "/reset", login: "/reset" });
  };
  return (
    <AuthFrame
      title={t.auth.forgotTitle}
      hint={t.auth.forgotHint}
      action={t.auth.forgotSend}
      isBusy={form.isBusy}
      error={form.general(["email"])}
      onSubmit={submit}
      after={<AuthLink to="/sign-in">{t.auth.toSignIn}</AuthLink>}
    >
      <EmailField value={email} onChange={setEmail} error={form.errors.email ?? null} />
    </AuthFrame>
  );
}

export function ResetPage() {
  const form = useAuthForm();
  const { code: linked = "" } = useParams({ strict: false });
  const [code, setCode] = useState(linked);
  const [password, setPassword] = useState("");
  return (
    <AuthFrame
      title={t.auth.forgotTitle}
      hint={t.auth.codeHint(emailKept())}
      action={t.auth.resetSave}
      isBusy={form.isBusy}
      error={form.general(["key", "password"])}
      onSubmit={() => void form.run(() => resetFinish(code.trim(), password), { login: "/sign-in" })}
      after={<AuthLink to="/forgot">{t.auth.resend}</AuthLink>}
    >
      <CodeField value={code} onChange={setCode} error={form.errors.key ?? null} />
      <PasswordField
        label={t.auth.newPassword}
        value={password}
        onChange={setPassword}
        isNew
        error={form.errors.password ?? null}
      />
    </AuthFrame>
  );
}
