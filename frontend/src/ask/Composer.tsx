/** The prompt box: the question, the Tools and Check switches, how to search, what it will cost, and Ask or Stop. */
import { Link } from "@tanstack/react-router";
import { type KeyboardEvent, type RefObject, useLayoutEffect, useRef, useState } from "react";
import { t } from "../strings";
import { Button } from "../ui/Button";
import type { Draft } from "./draft";
import { type PriceHint, QUESTION_BYTES_MAX, questionBytes } from "./price_hint";
import { SearchChoice, searchWords } from "./SearchChoice";

const HEIGHT_PX_MAX = 220; // then the box scrolls, so that the trace stays in sight

interface ComposerProps {
  draft: Draft;
  onDraft: (draft: Draft) => void;
  onAsk: () => void;
  onStop?: () => void; // given while a run is in progress
  isSending: boolean;
  isStopping: boolean;
  hint: PriceHint | null;
  models: readonly string[]; // that can be asked, the usual one first
  hasChecker: boolean;
  placeholder: string;
  error: string | null;
  /** The error is about money: its cure lies on the billing page. */
  isMoneyShort?: boolean;
  box: RefObject<HTMLTextAreaElement | null>;
}

export function Composer(props: ComposerProps) {
  const { draft, onDraft, box } = props;
  const bytes = questionBytes(draft.question);
  const isTooLong = bytes > QUESTION_BYTES_MAX;
  const canAsk = draft.question.trim() !== "" && !isTooLong && !props.isSending;
  const form = useRef<HTMLFormElement>(null);
  const [isChoosing, setChoosing] = useState(false);
  useLayoutEffect(() => {
    const area = box.current;
    if (!area) return;
    area.style.height = "0px";
    area.style.height = `${Math.min(area.scrollHeight, HEIGHT_PX_MAX)}px`;
  });
  const press = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    if (canAsk && !props.onStop) form.current?.requestSubmit();
  };
  const problem = isTooLong ? t.ask.tooLong(bytes, QUESTION_BYTES_MAX) : props.error;
  return (
    <form
      ref={form}
      onSubmit={(event) => {
        event.preventDefault();
        if (canAsk) props.onAsk();
      }}
      className="rounded-xl border border-line bg-raised shadow-panel focus-within:border-line-strong"
    >
      <textarea
        ref={box}
        rows={1}
        aria-label={t.ask.boxLabel}
        aria-describedby="composer-note"
        aria-keyshortcuts="/"
        data-hotkey-focus
        value={draft.question}
        placeholder={props.placeholder}
        onChange={(event) => onDraft({ ...draft, question: event.target.value })}
        onKeyDown={press}
        className="block w-full resize-none bg-transparent px-[18px] pt-3.5 pb-1 text-md leading-6 outline-none max-md:px-4"
      />
      {problem && (
        <p role="alert" className="px-[18px] pt-1 text-sm text-reject max-md:px-4">
          {problem}
          {props.isMoneyShort && !isTooLong && (
            <>
              {" "}
              <Link to="/billing" className="underline underline-offset-4">
                {t.errors.toBilling}
              </Link>
            </>
          )}
        </p>
      )}
      {isChoosing && (
        <SearchChoice
          search={draft.search}
          onChange={(search) => onDraft({ ...draft, search })}
          hasChecker={props.hasChecker}
        />
      )}
      {props.hint && (
        <p aria-hidden="true" className="figures px-4 pt-1 text-xs text-soft sm:hidden">
          {t.ask.priceHintShort(props.hint.mostNanoUsd)}
        </p>
      )}
      <div className="flex flex-wrap items-center gap-2 px-3 pt-1.5 pb-3">
        <Switch
          label={t.ask.tools}
          hint={t.ask.toolsHint}
          isOn={draft.allowTools}
          onChange={(allowTools) => onDraft({ ...draft, allowTools })}
        />
        <Switch
          label={t.ask.check}
          hint={t.ask.checkHint}
          isOn={draft.verify}
          onChange={(verify) => onDraft({ ...draft, verify })}
        />
        <SearchChip
          words={searchWords(draft.search)}
          isOn={draft.search.strategy !== "none"}
          isOpen={isChoosing}
          onToggle={() => setChoosing(!isChoosing)}
        />
        {props.models.length > 1 && (
          <ModelChoice
            models={props.models}
            chosen={draft.model}
            onChange={(model) => onDraft({ ...draft, model })}
          />
        )}
        <div className="ml-auto flex items-center gap-2">
          <p id="composer-note" className="figures text-xs text-soft max-sm:hidden">
            {props.hint && t.ask.priceHint(props.hint.low, props.hint.high, props.hint.mostNanoUsd)}
            <span className="sr-only"> {t.ask.keyHint}</span>
          </p>
          {props.onStop ? (
            <Button onClick={props.onStop} disabled={props.isStopping} aria-keyshortcuts="Escape">
              {props.isStopping ? t.ask.stopping : t.ask.stop}
            </Button>
          ) : (
            <Button look="accent" type="submit" disabled={!canAsk}>
              {props.isSending ? t.ask.sending : t.ask.send}
            </Button>
          )}
        </div>
      </div>
    </form>
  );
}

interface SwitchProps {
  label: string;
  hint: string;
  isOn: boolean;
  onChange: (isOn: boolean) => void;
}

function Switch({ label, hint, isOn, onChange }: SwitchProps) {
  return (
    <button
      type="button"
      role="switch"
      aria-checked={isOn}
      aria-label={`${label}: ${hint}`}
      title={hint}
      onClick={() => onChange(!isOn)}
      className={`inline-flex min-h-8 items-center gap-2 rounded-full border px-3 text-sm transition-colors max-md:min-h-11 ${isOn ? "border-line-strong text-ink" : "border-line text-soft line-through decoration-faint"}`}
    >
      <span
        aria-hidden="true"
        className={`size-2 rounded-full ${isOn ? "bg-accent" : "border border-faint bg-transparent"}`}
      />
      {label}
    </button>
  );
}

interface SearchChipProps {
  words: string;
  isOn: boolean;
  isOpen: boolean;
  onToggle: () => void;
}

function SearchChip({ words, isOn, isOpen, onToggle }: SearchChipProps) {
  return (
    <button
      type="button"
      aria-expanded={isOpen}
      onClick={onToggle}
      className={`figures inline-flex min-h-8 items-center rounded-full border px-3 text-sm transition-colors max-md:min-h-11 ${isOn ? "border-line-strong text-ink" : "border-line text-soft"} ${isOpen ? "bg-sunk" : ""}`}
    >
      {t.search.ask.chip(words)}
    </button>
  );
}

interface ModelChoiceProps {
  models: readonly string[];
  chosen: string | null;
  onChange: (model: string | null) => void;
}

function ModelChoice({ models, chosen, onChange }: ModelChoiceProps) {
  const [usual, ...others] = models;
  return (
    <select
      aria-label={t.search.ask.model}
      value={chosen && others.includes(chosen) ? chosen : ""}
      onChange={(event) => onChange(event.target.value || null)}
      className="min-h-8 max-w-[180px] rounded-full border border-line bg-raised pr-7 pl-3 text-sm text-ellipsis text-soft max-md:min-h-11"
    >
      <option value="">{usual}</option>
      {others.map((model) => (
        <option key={model} value={model}>
          {model}
        </option>
      ))}
    </select>
  );
}
