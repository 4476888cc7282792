import type { ButtonHTMLAttributes, ReactNode } from "react";

type Look = "plain" | "accent" | "quiet" | "danger";

const LOOKS: Record<Look, string> = {
  plain: "border border-line bg-raised text-ink hover:border-line-strong",
  accent: "border border-accent bg-accent text-on-accent hover:opacity-90",
  quiet: "border border-transparent text-soft hover:text-ink",
  danger: "border border-reject bg-raised text-reject hover:bg-sunk",
};

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  children: ReactNode;
}

export function Button({ look = "plain", className = "", type = "button", ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      className={`inline-flex min-h-9 items-center justify-center gap-2 rounded-md px-3 text-sm font-medium whitespace-nowrap transition-colors disabled:opacity-55 max-md:min-h-11 ${LOOKS[look]} ${className}`}
      {...rest}
    />
  );
}
