/** A share from 0 to 1 as a bar, with its 95 % interval as a line through its end. Its figures stand beside it. */
interface ShareBarProps {
  share: number;
  low: number;
  high: number;
}

export function ShareBar({ share, low, high }: ShareBarProps) {
  return (
    <span aria-hidden="true" className="relative block h-1 rounded-full bg-line">
      <span
        className="absolute inset-y-0 left-0 rounded-full bg-accent"
        style={{ width: `${share * 100}%` }}
      />
      <span
        className="absolute top-1/2 h-px -translate-y-1/2 bg-ink"
        style={{ left: `${low * 100}%`, width: `${(high - low) * 100}%` }}
      />
    </span>
  );
}
