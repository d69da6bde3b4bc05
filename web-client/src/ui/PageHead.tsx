import { ArrowLeft } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router";

interface PageHeadProps {
  title: string;
  text?: ReactNode;
  /** The main act of this page. */
  action?: ReactNode;
  back?: { to: string; label: string };
}

export function PageHead({ title, text, action, back }: PageHeadProps) {
  return (
    <div className="flex flex-col items-start gap-2">
      {back && (
        <Link
          to={back.to}
          className="-ml-2 inline-flex min-h-11 items-center gap-1.5 rounded-control px-2 font-semibold text-brand-text hover:bg-raised"
        >
          <ArrowLeft aria-hidden className="size-5" />
          {back.label}
        </Link>
      )}
      <div className="flex w-full flex-wrap items-center justify-between gap-3">
        <h1 className="min-w-0 text-2xl font-semibold break-words">{title}</h1>
        {action}
      </div>
      {text !== undefined && <p className="max-w-prose text-ink-soft">{text}</p>}
    </div>
  );
}
