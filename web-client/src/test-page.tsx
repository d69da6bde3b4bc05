import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import type { ReactElement } from "react";
import { BrowserRouter, Route, Routes, useLocation } from "react-router";

import { ToastProvider } from "./ui/Toast";
import { TooltipProvider } from "./ui/Tooltip";

/** Renders a page at `path` as the app would, or a layout with a page inside; other paths show themselves as text. */
export function renderPage(element: ReactElement, path: string, inside?: ReactElement) {
  const here = new URL(path, window.location.href);
  window.history.replaceState(null, "", here);
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  return render(
    <QueryClientProvider client={client}>
      <TooltipProvider>
        <ToastProvider>
          <BrowserRouter>
            <Routes>
              <Route path={here.pathname} element={element}>
                {inside && <Route index element={inside} />}
              </Route>
              <Route path="*" element={<Elsewhere />} />
            </Routes>
          </BrowserRouter>
        </ToastProvider>
      </TooltipProvider>
    </QueryClientProvider>,
  );
}

function Elsewhere() {
  return <p>at {useLocation().pathname}</p>;
}
