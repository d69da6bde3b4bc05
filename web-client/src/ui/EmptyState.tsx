import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

interface EmptyStateProps {
  icon: LucideIcon;
  title: string;
  /** What will be here, and how it gets here. */
  children: ReactNode;
  action?: ReactNode;
}

export function EmptyState({ icon: Icon, title, children, action }: EmptyStateProps) {
  return (
    <div className="flex flex-col items-center gap-2 rounded-card border border-dashed border-line-strong px-6 py-10 text-center">
      <span className="mb-1 inline-flex size-12 items-center justify-center rounded-full bg-raised text-ink-soft">
        <Icon aria-hidden className="size-6" />
      </span>
      <p className="text-lg font-semibold">{title}</p>
      <div className="max-w-md text-ink-soft">{children}</div>
      {action !== undefined && <div className="mt-3">{action}</div>}
    </div>
  );
}
