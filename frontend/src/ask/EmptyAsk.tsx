import { t } from "../strings";
import { TinyBanner } from "./TinyBanner";

/** Before the first question: what this is, and three questions that each show a tool. */
export function EmptyAsk({ onAsk }: { onAsk: (question: string) => void }) {
  return (
    <div className="flex flex-col gap-8">
      <header className="flex flex-col gap-2">
        <h1 className="font-serif text-xl font-medium tracking-[-0.01em]">{t.ask.greeting}</h1>
        <p className="max-w-[52ch] text-soft">{t.ask.greetingHint}</p>
      </header>
      <ul aria-label={t.ask.examplesLabel} className="flex max-w-[720px] flex-col border-t border-line">
        {t.ask.examples.map((example) => (
          <li key={example.question} className="border-b border-line">
            <button
              type="button"
              onClick={() => onAsk(example.question)}
              className="group flex w-full items-baseline justify-between gap-6 py-4 text-left max-sm:flex-col max-sm:gap-1"
            >
              <span className="font-serif text-md decoration-line-strong underline-offset-4 group-hover:underline">
                {example.question}
              </span>
              <span className="text-sm whitespace-nowrap text-soft">{example.how}</span>
            </button>
          </li>
        ))}
      </ul>
      <div className="sm:hidden">
        <TinyBanner />
      </div>
    </div>
  );
}
