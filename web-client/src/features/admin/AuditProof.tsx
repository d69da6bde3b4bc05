import { Download } from "lucide-react";

import type { AuditProofView } from "../../api/schema";
import { locale, t } from "../../lib/i18n";
import { saveFile } from "../../lib/save";
import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { Loaded } from "../../ui/Loaded";
import { Spinner } from "../../ui/Spinner";
import { useAuditProof } from "./audit";

const NUMBER = new Intl.NumberFormat(locale);

/** What shows that an entry stands in the signed trail, computed in this browser. */
export function AuditProof({ seq }: { seq: number }) {
  const checked = useAuditProof(seq);
  const loading = (
    <p role="status" className="flex items-center gap-2 text-ink-soft">
      <Spinner />
      {t.trail.proofLoading}
    </p>
  );
  return (
    <div className="flex flex-col gap-4 rounded-control bg-raised p-4" data-testid="audit-proof">
      <Loaded query={checked} loading={loading}>
        {({ proof, holds }) => (
          <>
            <Banner
              tone={holds ? "ok" : "danger"}
              live={holds ? "status" : "alert"}
              title={holds ? t.trail.proofGoodTitle : t.trail.proofBadTitle}
            >
              {holds ? `${t.trail.proofGood} ${t.trail.proofHint}` : t.trail.proofBad}
            </Banner>
            <Hashes proof={proof} />
            <Button
              variant="secondary"
              icon={Download}
              className="self-start"
              onClick={() => saveFile(new Blob([JSON.stringify(proof, null, 2)]), t.trail.proofFile(seq))}
            >
              {t.trail.proofDownload}
            </Button>
          </>
        )}
      </Loaded>
    </div>
  );
}

function Hashes({ proof: { leaf, index, size, path, checkpoint } }: { proof: AuditProofView }) {
  return (
    <dl className="flex flex-col gap-3 text-sm">
      <div>
        <dt className="font-semibold">{t.trail.proofLeaf}</dt>
        <dd className="font-mono break-all">{leaf}</dd>
        <dd className="tabular text-ink-soft">{t.trail.proofPosition(NUMBER.format(index + 1), NUMBER.format(size))}</dd>
      </div>
      {path.length > 0 && (
        <div>
          <dt className="font-semibold">{t.trail.proofPath}</dt>
          {path.map((hash) => (
            <dd key={hash} className="font-mono break-all">
              {hash}
            </dd>
          ))}
        </div>
      )}
      <div>
        <dt className="font-semibold">{t.trail.proofCheckpoint}</dt>
        <dd className="font-mono break-all whitespace-pre-wrap">{checkpoint.trimEnd()}</dd>
      </div>
    </dl>
  );
}
