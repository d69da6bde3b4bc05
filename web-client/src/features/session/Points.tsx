import { Captions, FileLock2, Video } from "lucide-react";

import { t } from "../../lib/i18n";

const ICONS = [Video, Captions, FileLock2];

/** What a visitor can expect. */
export function Points() {
  return (
    <ul className="flex flex-col gap-5">
      {t.session.points.map(({ title, text }, index) => {
        const Icon = ICONS[index] ?? Video;
        return (
          <li key={title} className="flex gap-4">
            <span className="inline-flex size-11 shrink-0 items-center justify-center rounded-full bg-brand-soft text-brand-text">
              <Icon aria-hidden className="size-5" />
            </span>
            <div>
              <p className="font-semibold">{title}</p>
              <p className="text-ink-soft">{text}</p>
            </div>
          </li>
        );
      })}
    </ul>
  );
}
