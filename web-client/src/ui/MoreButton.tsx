import { ChevronDown } from "lucide-react";

import { t } from "../lib/i18n";
import { Button } from "./Button";

interface MoreButtonProps {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => Promise<unknown> };
}

/** Below a list of which there is more; nothing where it ends. */
export function MoreButton({ query }: MoreButtonProps) {
  if (!query.hasNextPage) return null;
  return (
    <Button
      variant="secondary"
      icon={ChevronDown}
      busy={query.isFetchingNextPage}
      className="self-center"
      onClick={() => void query.fetchNextPage()}
    >
      {t.ui.more}
    </Button>
  );
}
