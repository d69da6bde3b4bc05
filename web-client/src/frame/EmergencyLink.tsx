import { Phone, Siren } from "lucide-react";
import { useState } from "react";

import { t } from "../lib/i18n";
import { Dialog } from "../ui/Dialog";

/** Always in the patient's header. */
export function EmergencyLink() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        onClick={() => setOpen(true)}
        className="inline-flex min-h-11 items-center gap-2 rounded-control px-3 font-semibold text-danger hover:bg-danger-soft"
      >
        <Siren aria-hidden className="size-5" />
        {t.frame.emergency}
      </button>
      <Dialog open={open} onClose={() => setOpen(false)} title={t.frame.emergencyTitle} description={t.frame.emergencyText}>
        <div className="flex flex-col gap-2">
          <p className="font-semibold">{t.frame.emergencySignsTitle}</p>
          <ul className="flex list-disc flex-col gap-1 pl-5">
            {t.frame.emergencySigns.map((sign) => (
              <li key={sign}>{sign}</li>
            ))}
          </ul>
        </div>
        <ul className="flex flex-col gap-2">
          {t.frame.emergencyNumbers.map(({ number, where }) => (
            <li key={number}>
              <a
                href={`tel:${number}`}
                className="flex min-h-13 items-center gap-3 rounded-control bg-danger-solid px-4 py-2 text-white hover:bg-danger-solid-hover"
              >
                <Phone aria-hidden className="size-5 shrink-0" />
                <span className="tabular text-lg font-semibold whitespace-nowrap">{t.frame.emergencyCall(number)}</span>
                <span className="ml-auto text-right text-sm">{where}</span>
              </a>
            </li>
          ))}
        </ul>
      </Dialog>
    </>
  );
}
