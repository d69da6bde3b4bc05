import type { ReactNode } from "react";

import { codeOf } from "../lib/errors";
import { t } from "../lib/i18n";
import { Banner } from "./Banner";
import { ErrorState } from "./ErrorState";

/** The part of a query that decides what is shown. */
interface Query<T> {
  data: T | undefined;
  error: Error | null;
  isFetching: boolean;
  refetch: () => Promise<unknown>;
}

interface LoadedProps<T> {
  query: Query<T>;
  loading: ReactNode;
  /** Decides between empty and content. */
  children: (data: T) => ReactNode;
}

/** Loading, error with retry, or content. Content that could not be renewed stays, with a word about it. */
export function Loaded<T>({ query, loading, children }: LoadedProps<T>) {
  if (query.data === undefined) {
    if (query.error === null) return loading;
    return <ErrorState code={codeOf(query.error)} onRetry={() => void query.refetch()} busy={query.isFetching} />;
  }
  return (
    <>
      {query.error !== null && (
        <div className="mb-4">
          <Banner tone="wait" live="status">
            {t.ui.stale}
          </Banner>
        </div>
      )}
      {children(query.data)}
    </>
  );
}
