import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The development server hands API and signalling to a server that runs beside it; the built client is served by
// that server itself.
const server = process.env["AUSCULT_URL"] ?? "https://localhost:8443";

// The oldest browsers with light-dark() and ICE restart as we use it.
const browsers = ["chrome123", "firefox121", "safari17.5"];

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    target: browsers,
    cssTarget: browsers,
    // Nothing as a data: address, so that the content security policy can stay narrow.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        // Changes with our dependencies only: stays cached when the client itself is updated.
        codeSplitting: { groups: [{ name: "vendor", test: /node_modules\/(react|react-dom|react-router|scheduler|@tanstack)\// }] },
      },
    },
  },
  server: {
    proxy: {
      "/api": { target: server, changeOrigin: true, secure: false, ws: true, headers: { origin: server } },
    },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test-setup.ts"],
    restoreMocks: true,
  },
});
