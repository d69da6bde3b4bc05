import { t } from "../../lib/i18n";
import { Dialog } from "../../ui/Dialog";

export function ShortcutsDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title={t.call.shortcuts}>
      <dl className="flex flex-col gap-3">
        {t.call.shortcutList.map(([key, does]) => (
          <div key={key} className="flex items-center gap-4">
            <dt>
              <kbd className="inline-flex size-9 items-center justify-center rounded-control border border-line-strong bg-raised font-sans font-semibold">
                {key}
              </kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
