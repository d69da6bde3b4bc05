import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createBrowserRouter, Navigate, type RouteObject, RouterProvider } from "react-router";

import { ApiError, whenSignedOut } from "./api/client";
import { forgetSession } from "./features/session/session";
import { RequireRole } from "./features/session/RequireRole";
import { RequireSession } from "./features/session/RequireSession";
import { Crashed } from "./frame/Crashed";
import { Frame } from "./frame/Frame";
import { RouteFocus } from "./frame/RouteFocus";
import { SignedIn } from "./frame/SignedIn";
import { Guest } from "./pages/Guest";
import { Home } from "./pages/Home";
import { Landing } from "./pages/Landing";
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

const settingsPages: RouteObject[] = [
  { index: true, element: <Navigate to="/settings/profile" replace /> },
  { path: "profile", lazy: async () => ({ Component: (await import("./pages/settings/Profile")).Profile }) },
  { path: "security", lazy: async () => ({ Component: (await import("./pages/settings/Security")).Security }) },
  { path: "privacy", lazy: async () => ({ Component: (await import("./pages/settings/Privacy")).Privacy }) },
];

const doctorPages: RouteObject[] = [
  { path: "/patients", lazy: async () => ({ Component: (await import("./pages/Patients")).Patients }) },
  { path: "/patients/:id", lazy: async () => ({ Component: (await import("./pages/Patient")).Patient }) },
  { path: "/application", lazy: async () => ({ Component: (await import("./pages/Application")).Application }) },
];

const adminPages: RouteObject[] = [
  { index: true, element: <Navigate to="/" replace /> },
  { path: "users", lazy: async () => ({ Component: (await import("./pages/admin/Users")).Users }) },
  { path: "users/new", lazy: async () => ({ Component: (await import("./pages/admin/NewUser")).NewUser }) },
  { path: "users/:id", lazy: async () => ({ Component: (await import("./pages/admin/User")).User }) },
  {
    path: "consultations",
    lazy: async () => ({ Component: (await import("./pages/admin/Consultations")).Consultations }),
  },
  {
    path: "verifications",
    lazy: async () => ({ Component: (await import("./pages/admin/Verifications")).Verifications }),
  },
  {
    path: "verifications/:id",
    lazy: async () => ({ Component: (await import("./pages/admin/Verification")).Verification }),
  },
  {
    path: "emergency-access",
    lazy: async () => ({ Component: (await import("./pages/admin/EmergencyAccesses")).EmergencyAccesses }),
  },
  { path: "audit", lazy: async () => ({ Component: (await import("./pages/admin/Audit")).Audit }) },
  { path: "security", lazy: async () => ({ Component: (await import("./pages/admin/SecurityEvents")).SecurityEvents }) },
];

/** One line per page. Pages that carry the call are loaded when they are opened. */
const router = createBrowserRouter([
  {
    element: <RouteFocus />,
    errorElement: <Crashed />,
    hydrateFallbackElement: <></>,
    children: [
      { path: "/signin", element: <SignIn /> },
      { path: "/guest", element: <Guest /> },
      { path: "/sign-up", lazy: async () => ({ Component: (await import("./pages/SignUp")).SignUp }) },
      { path: "/check-mail", lazy: async () => ({ Component: (await import("./pages/CheckMail")).CheckMail }) },
      { path: "/verify-email", lazy: async () => ({ Component: (await import("./pages/VerifyEmail")).VerifyEmail }) },
      {
        path: "/forgot-password",
        lazy: async () => ({ Component: (await import("./pages/ForgotPassword")).ForgotPassword }),
      },
      { path: "/reset-password", lazy: async () => ({ Component: (await import("./pages/ResetPassword")).ResetPassword }) },
      { path: "/setup", lazy: async () => ({ Component: (await import("./pages/Setup")).Setup }) },
      {
        element: <RequireSession visitor={<Landing />} />,
        children: [
          {
            element: <SignedIn />,
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
                  {
                    path: "/settings",
                    lazy: async () => ({ Component: (await import("./pages/settings/Settings")).Settings }),
                    children: settingsPages,
                  },
                  { element: <RequireRole only="doctor" />, children: doctorPages },
                  { path: "/admin", element: <RequireRole only="admin" />, children: adminPages },
                ],
              },
              // The call fills the window; it brings its own frame.
              {
                path: "/consultations/:id/call",
                lazy: async () => ({ Component: (await import("./pages/Call")).Call }),
              },
            ],
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
