"""What a browser can be asked about any page: JavaScript that gives a list of what is wrong."""

NAMELESS = """[...document.querySelectorAll("button, input, select, textarea, a[href], summary")]
  .filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length))
  .map((e) => e.outerHTML)"""
# WCAG 2: 4.5 to 1 between a text and the nearest background that is not transparent
FAINT = """(() => {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const numbers = (text) => {
    probe.clearRect(0, 0, 1, 1); probe.fillStyle = text; probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const back = (e) => {
    for (; e; e = e.parentElement) {
      const found = numbers(getComputedStyle(e).backgroundColor);
      if (found[3] > 250) return found;
    }
    return [255, 255, 255, 255];
  };
  const worded = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  return [...document.querySelectorAll("body *")].filter((e) => worded(e) && e.checkVisibility() && !e.disabled
      && !(e instanceof SVGElement) && e.getBoundingClientRect().width > 2).map((e) => {
    const [a, b] = [light(numbers(getComputedStyle(e).color)), light(back(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return ratio < 4.5 ? `${e.tagName}.${e.className} ${ratio.toFixed(2)} ${e.textContent.slice(0, 30)}` : null;
  }).filter(Boolean);
})()"""
