import { Printer } from "lucide-react";

import type { ConsultationView } from "../../api/schema";
import { t } from "../../lib/i18n";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Loaded } from "../../ui/Loaded";
import { Skeleton } from "../../ui/Skeleton";
import { Facts } from "./Facts";
import { useTranscript } from "./queries";
import { Transcript } from "./Transcript";

/** A completed consultation: its facts and its transcript. */
export function Summary({ consultation }: { consultation: ConsultationView }) {
  const transcript = useTranscript(consultation.id);
  return (
    <div className="flex flex-col gap-6">
      <Card className="print:border-0 print:p-0 print:shadow-none">
        <Facts consultation={consultation} />
      </Card>
      <Card className="flex flex-col gap-5 print:border-0 print:p-0 print:shadow-none">
        <div className="flex flex-wrap items-center justify-between gap-3">
          <h2 className="text-xl font-semibold">{t.consultation.transcript}</h2>
          <Button variant="secondary" icon={Printer} onClick={() => window.print()} className="print:hidden">
            {t.consultation.print}
          </Button>
        </div>
        <Loaded query={transcript} loading={<TranscriptSkeleton />}>
          {(loaded) => <Transcript transcript={loaded} />}
        </Loaded>
      </Card>
    </div>
  );
}

function TranscriptSkeleton() {
  return (
    <div role="status" className="animate-appear-late flex flex-col gap-3">
      <span className="sr-only">{t.consultation.transcriptLoading}</span>
      <Skeleton className="h-4 w-1/4" />
      <Skeleton className="h-4 w-11/12" />
      <Skeleton className="h-4 w-3/4" />
      <Skeleton className="mt-4 h-4 w-1/4" />
      <Skeleton className="h-4 w-5/6" />
    </div>
  );
}
