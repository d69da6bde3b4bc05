import { useEffect, useState } from "react";

/** The current time, renewed every `every` milliseconds: for "waiting since 4 minutes". */
export function useNow(every = 15_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** Names the page in the tab, the history and to a screen reader. */
export function usePageTitle(title: string) {
  useEffect(() => {
    document.title = title === "" ? "Auscult" : `${title} · Auscult`;
  }, [title]);
}

/** The value once it has stayed the same for `quiet` milliseconds: for searching while somebody types. */
export function useSettled<V>(value: V, quiet = 300): V {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), quiet);
    return () => clearTimeout(timer);
  }, [value, quiet]);
  return settled;
}
