import { useEffect, useState } from "react";
import { useLocation, useNavigate } from "react-router";

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

/**
 * What stands in the address after the "?", how one value of it is set (an empty one leaves), and how all are taken away.
 * The router draws a new address in its own time. What was just set is therefore shown at once, or a field would lose
 * letters; and a change builds on the address itself, or of two in quick succession the second would undo the first.
 */
export function useAddressValues() {
  const { search } = useLocation();
  const navigate = useNavigate();
  const [drawn, setDrawn] = useState(search);
  const [shown, setShown] = useState(search);
  if (search !== drawn) {
    setDrawn(search);
    setShown(search);
  }
  const go = (values: URLSearchParams) => {
    setShown(`?${values}`);
    void navigate({ search: values.toString() }, { replace: true });
  };
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(window.location.search);
    if (value === "") next.delete(name);
    else next.set(name, value);
    go(next);
  };
  return { values: new URLSearchParams(shown), set, reset: () => go(new URLSearchParams()) };
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
