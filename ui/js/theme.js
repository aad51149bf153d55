// Loaded before the first paint, so that a chosen theme does not flash. Not a module: those wait for the document.
(() => {
  const chosen = (() => { try { return localStorage.getItem("ow-theme"); } catch { return null; } })();
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
