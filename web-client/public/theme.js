// Runs before the first paint so that a chosen theme never flashes; a file, because inline scripts are forbidden.
try {
  const chosen = localStorage.getItem("auscult.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden; the system's theme then applies.
}
