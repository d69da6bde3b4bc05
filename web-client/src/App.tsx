import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createBrowserRouter, RouterProvider } from "react-router";

import { ApiError, whenSignedOut } from "./api/client";
import { forgetSession } from "./features/session/session";
import { RequireSession } from "./features/session/RequireSession";
import { Crashed } from "./frame/Crashed";
import { Frame } from "./frame/Frame";
import { RouteFocus } from "./frame/RouteFocus";
import { Guest } from "./pages/Guest";
import { Home } from "./pages/Home";
import { NotFound } from "./pages/NotFound";
import { SignIn } from "./pages/SignIn";
import { ToastProvider } from "./ui/Toast";
import { TooltipProvider } from "./ui/Tooltip";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // A refusal stays a refusal; only a server that did not answer is asked again.
      retry: (failures, error) => failures < 2 && error instanceof ApiError && error.code === "server_unreachable",
      retryDelay: (attempt) => 500 * 2 ** attempt,
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});
whenSignedOut(() => forgetSession(client));

/** One line per page. Pages that carry the call are loaded when they are opened. */
const router = createBrowserRouter([
  {
    element: <RouteFocus />,
    errorElement: <Crashed />,
    hydrateFallbackElement: <></>,
    children: [
      { path: "/signin", element: <SignIn /> },
      { path: "/guest", element: <Guest /> },
      {
        element: <RequireSession />,
        children: [
          {
            element: <Frame />,
            children: [
              { path: "/", element: <Home /> },
              { path: "/history", lazy: async () => ({ Component: (await import("./pages/History")).History }) },
              {
                path: "/consultations/:id",
                lazy: async () => ({ Component: (await import("./pages/Consultation")).Consultation }),
              },
              {
                path: "/consultations/:id/lobby",
                lazy: async () => ({ Component: (await import("./pages/Lobby")).Lobby }),
              },
            ],
          },
          // The call fills the window; it brings its own frame.
          {
            path: "/consultations/:id/call",
            lazy: async () => ({ Component: (await import("./pages/Call")).Call }),
          },
        ],
      },
      { path: "*", element: <NotFound /> },
    ],
  },
]);

export function App() {
  return (
    <QueryClientProvider client={client}>
      <TooltipProvider delayDuration={500}>
        <ToastProvider>
          <RouterProvider router={router} />
        </ToastProvider>
      </TooltipProvider>
    </QueryClientProvider>
  );
}
