export function Logo() {
  return (
    <span className="inline-flex items-center gap-2.5">
      <svg
        viewBox="0 0 24 24"
        width="20"
        height="20"
        fill="none"
        stroke="currentColor"
        strokeWidth="2.2"
        strokeLinecap="round"
        aria-hidden="true"
      >
        <path d="M12 20.5v-7M12 13.5 6 6.5M12 13.5l6-7" />
        <circle cx="12" cy="13.5" r="2" fill="currentColor" stroke="none" />
      </svg>
      <span className="font-serif text-lg font-semibold tracking-[-0.01em]">Svend</span>
    </span>
  );
}
