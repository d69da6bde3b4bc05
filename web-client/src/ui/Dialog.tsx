import { X } from "lucide-react";
import { type ReactNode, useEffect, useId, useRef } from "react";

import { cx } from "../lib/classes";
import { t } from "../lib/i18n";

interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: ReactNode;
  children?: ReactNode;
  /** The buttons; the main one last. */
  actions?: ReactNode;
  wide?: boolean;
}

/** The browser's own modal: it keeps the focus inside, makes the page behind inert, closes on Escape and gives the
 *  focus back. (Radix's dialog writes a style element at run time, which a strict content security policy forbids.)
 *  It lies above everything else, toasts and tooltips included: say what happened inside the dialog. */
export function Dialog({ open, onClose, title, description, children, actions, wide = false }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    if (!element) return;
    if (open && !element.open) element.showModal();
    if (!open && element.open) element.close();
  }, [open]);
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events -- Escape is the keyboard's way out
    <dialog
      ref={dialog}
      aria-labelledby={`${id}-title`}
      aria-describedby={description === undefined ? undefined : `${id}-description`}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
      className={cx(
        "m-auto max-h-[calc(100dvh-2rem)] w-[calc(100%-2rem)] rounded-card border border-line bg-surface p-0 text-ink shadow-soft",
        "backdrop:bg-black/50 open:animate-rise",
        wide ? "max-w-3xl" : "max-w-lg",
      )}
    >
      {open && (
        <div className="flex flex-col gap-5 p-5 sm:p-6">
          <div className="flex items-start justify-between gap-4">
            <div className="flex flex-col gap-2 pt-1.5">
              <h2 id={`${id}-title`} className="text-xl font-semibold">
                {title}
              </h2>
              {description !== undefined && (
                <div id={`${id}-description`} className="text-ink-soft">
                  {description}
                </div>
              )}
            </div>
            <button
              type="button"
              aria-label={t.ui.close}
              onClick={onClose}
              className="-mt-1 -mr-2 inline-flex size-11 shrink-0 items-center justify-center rounded-full text-ink-soft hover:bg-raised hover:text-ink"
            >
              <X aria-hidden className="size-5" />
            </button>
          </div>
          {children}
          {actions !== undefined && <div className="flex flex-wrap justify-end gap-3">{actions}</div>}
        </div>
      )}
    </dialog>
  );
}
