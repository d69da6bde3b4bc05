import { type ReactNode, useId } from "react";

import { Card } from "./Card";

interface SectionProps {
  title: string;
  /** Beside the title, such as a state. */
  aside?: ReactNode;
  text?: ReactNode;
  children?: ReactNode;
}

/** A part of a page about one thing. */
export function Section({ title, aside, text, children }: SectionProps) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <Card className="flex flex-col gap-5">
        <div className="flex flex-col gap-1">
          <div className="flex flex-wrap items-center justify-between gap-3">
            <h2 id={id} className="text-lg font-semibold">
              {title}
            </h2>
            {aside}
          </div>
          {text !== undefined && <div className="max-w-prose text-ink-soft">{text}</div>}
        </div>
        {children}
      </Card>
    </section>
  );
}
