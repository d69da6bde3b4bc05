import type { ReactNode } from "react";

import { Card } from "../ui/Card";
import { PlainFrame } from "./PlainFrame";

/** One task for a visitor, in the middle of the page. */
export function NarrowPage({ title, lead, children }: { title: string; lead?: ReactNode; children?: ReactNode }) {
  return (
    <PlainFrame>
      <div className="m-auto w-full max-w-lg p-4">
        <Card className="flex flex-col gap-5 sm:p-8">
          <div className="flex flex-col gap-1">
            <h1 className="text-2xl font-semibold">{title}</h1>
            {lead !== undefined && <p className="text-ink-soft">{lead}</p>}
          </div>
          {children}
        </Card>
      </div>
    </PlainFrame>
  );
}
