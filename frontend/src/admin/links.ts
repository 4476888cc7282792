/** Links that look like the one action of their page, or like text. */
export const BUTTON_LINK =
  "inline-flex min-h-9 items-center justify-center rounded-md border border-accent bg-accent px-3 text-sm font-medium whitespace-nowrap text-on-accent hover:opacity-90 max-md:min-h-11";
export const PLAIN_LINK =
  "inline-flex min-h-9 items-center justify-center rounded-md border border-line bg-raised px-3 text-sm font-medium whitespace-nowrap hover:border-line-strong max-md:min-h-11";
export const TEXT_LINK = "underline decoration-line-strong underline-offset-4 hover:text-ink";
