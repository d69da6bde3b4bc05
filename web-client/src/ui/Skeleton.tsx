import { cx } from "../lib/classes";

/** The shape of what is loading. Appears only after 200 ms, so a fast answer does not flash. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cx("animate-breathe rounded-sm bg-raised", className)} />;
}

interface SkeletonListProps {
  /** Read aloud: what is loading. */
  label: string;
  rows?: number;
}

export function SkeletonList({ label, rows = 3 }: SkeletonListProps) {
  return (
    <div role="status" className="animate-appear-late flex flex-col gap-3">
      <span className="sr-only">{label}</span>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="flex items-center gap-4 rounded-card border border-line bg-surface p-5">
          <Skeleton className="size-11 rounded-full" />
          <div className="flex grow flex-col gap-2.5">
            <Skeleton className="h-4 w-2/5" />
            <Skeleton className="h-3.5 w-4/5" />
          </div>
        </div>
      ))}
    </div>
  );
}
