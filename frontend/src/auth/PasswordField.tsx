import { useState } from "react";
import { t } from "../strings";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";

interface PasswordFieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  isNew: boolean;
  error: string | null;
}

export function PasswordField({ label, value, onChange, isNew, error }: PasswordFieldProps) {
  const [isShown, setShown] = useState(false);
  return (
    <Field
      label={label}
      name="password"
      type={isShown ? "text" : "password"}
      autoComplete={isNew ? "new-password" : "current-password"}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      hint={isNew ? t.auth.passwordHint : undefined}
      error={error}
      className="pr-20"
      required
      after={
        <Button look="quiet" aria-pressed={isShown} onClick={() => setShown(!isShown)}>
          {isShown ? t.auth.hide : t.auth.show}
        </Button>
      }
    />
  );
}
