import { CircleAlert } from "lucide-react";
import { useEffect, useRef } from "react";

interface Problem {
  /** The id of the control it is about; the entry then leads there. */
  field?: string;
  message: string;
}

interface ErrorSummaryProps {
  title: string;
  problems: Problem[];
}

/** Above a form that was refused: everything that is wrong, in one place that takes the focus when it appears. Give it
 *  the number of the attempt as `key`, and it takes the focus again each time. */
export function ErrorSummary({ title, problems }: ErrorSummaryProps) {
  const box = useRef<HTMLDivElement>(null);
  const shown = problems.length > 0;
  useEffect(() => {
    if (shown) box.current?.focus();
  }, [shown]);
  if (!shown) return null;
  return (
    <div
      ref={box}
      role="alert"
      tabIndex={-1}
      className="flex animate-rise gap-3 rounded-card border border-danger bg-danger-soft p-4 text-ink"
    >
      <CircleAlert aria-hidden className="mt-0.5 size-5 shrink-0 text-danger" />
      <div className="flex flex-col gap-1">
        <p className="font-semibold">{title}</p>
        <ul className="flex flex-col gap-1">
          {problems.map((problem) => (
            <li key={`${problem.field ?? ""}${problem.message}`}>
              {problem.field === undefined ? (
                problem.message
              ) : (
                <a href={`#${problem.field}`} className="text-danger underline underline-offset-4" onClick={focusTarget}>
                  {problem.message}
                </a>
              )}
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

/** Moves to the control without leaving a fragment in the address bar. */
function focusTarget(event: React.MouseEvent<HTMLAnchorElement>) {
  event.preventDefault();
  document.getElementById(event.currentTarget.hash.slice(1))?.focus();
}
