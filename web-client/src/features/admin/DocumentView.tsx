import { Download, FileText } from "lucide-react";
import { useEffect, useRef } from "react";

import type { VerificationView } from "../../api/schema";
import { t } from "../../lib/i18n";
import { saveFile } from "../../lib/save";
import { Button } from "../../ui/Button";
import { Loaded } from "../../ui/Loaded";
import { Skeleton } from "../../ui/Skeleton";
import { useDocument } from "./reviews";

const ENDINGS: Record<string, string> = { "application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg" };

/** The licence that a doctor handed in. Pictures are shown; a PDF is only offered as a download, since a document from
 *  outside must not run inside this page. */
export function DocumentView({ verification }: { verification: VerificationView }) {
  if (verification.document_type === "") return <p className="text-ink-soft">{t.admin.documentNone}</p>;
  return <LoadedDocument verification={verification} />;
}

function LoadedDocument({ verification: { id, doctor, document_type: type } }: { verification: VerificationView }) {
  const file = useDocument(id);
  const loading = (
    <div role="status" className="animate-appear-late">
      <span className="sr-only">{t.admin.documentLoading}</span>
      <Skeleton className="h-64" />
    </div>
  );
  return (
    <Loaded query={file} loading={loading}>
      {(blob) => (
        <div className="flex flex-col gap-4">
          {type.startsWith("image/") ? (
            <Picture blob={blob} alt={t.admin.documentImage(doctor.name)} />
          ) : (
            <p className="flex gap-3 rounded-control bg-raised p-4">
              <FileText aria-hidden className="size-5 shrink-0 text-ink-soft" />
              {t.admin.documentPdf}
            </p>
          )}
          <Button
            variant="secondary"
            icon={Download}
            className="self-start"
            onClick={() => saveFile(blob, `${id}.${ENDINGS[type] ?? "bin"}`)}
          >
            {t.admin.documentDownload}
          </Button>
        </div>
      )}
    </Loaded>
  );
}

function Picture({ blob, alt }: { blob: Blob; alt: string }) {
  const image = useRef<HTMLImageElement>(null);
  useEffect(() => {
    const url = URL.createObjectURL(blob);
    if (image.current) image.current.src = url;
    return () => URL.revokeObjectURL(url);
  }, [blob]);
  return <img ref={image} alt={alt} className="max-h-160 self-start rounded-card border border-line object-contain" />;
}
