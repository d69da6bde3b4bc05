import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./App";
import { locale } from "./lib/i18n";
import "./styles/theme.css";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
document.documentElement.lang = locale;
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
