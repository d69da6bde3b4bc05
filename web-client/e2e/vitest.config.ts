import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// One file at a time: every test already runs a server and two or three browsers.
export default defineConfig(({ mode }) => ({
  root: fileURLToPath(new URL(".", import.meta.url)),
  test: {
    environment: "node",
    // `--mode measure` and so on run those scripts instead of the tests.
    include: [["measure", "screenshot", "bandwidth"].includes(mode) ? `${mode}.ts` : "**/*.e2e.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
}));
