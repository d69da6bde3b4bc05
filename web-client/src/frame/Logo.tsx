import { cx } from "../lib/classes";

/** Two people in conversation, drawn as the bell and tubes of a stethoscope. */
export function LogoMark({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" aria-hidden className={cx("size-8", className)}>
      <rect width="32" height="32" rx="8" fill="var(--brand)" />
      <g fill="none" stroke="var(--brand-ink)" strokeWidth="2.4" strokeLinecap="round" strokeLinejoin="round">
        <path d="M8.5 7.5v6a5.5 5.5 0 0 0 11 0v-6" />
        <path d="M14 19v1.5a5 5 0 0 0 5 5 4.5 4.5 0 0 0 4.5-4.5v-1.2" />
        <circle cx="23.5" cy="17" r="2.6" />
      </g>
    </svg>
  );
}

export function Logo() {
  return (
    <span className="inline-flex items-center gap-2.5">
      <LogoMark />
      <span className="text-lg font-semibold tracking-tight">Auscult</span>
    </span>
  );
}
