interface ProgressBarProps {
  label: string;
  /** 0…1; left out when nobody knows how long it takes. */
  value?: number;
}

export function ProgressBar({ label, value }: ProgressBarProps) {
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={value === undefined ? undefined : Math.round(value * 100)}
      className="h-2 w-full overflow-hidden rounded-full bg-raised"
    >
      {value === undefined ? (
        <div className="h-full w-full animate-breathe rounded-full bg-brand" />
      ) : (
        <div
          className="h-full origin-left rounded-full bg-brand transition-transform duration-200"
          style={{ transform: `scaleX(${Math.min(1, Math.max(0, value))})` }}
        />
      )}
    </div>
  );
}
