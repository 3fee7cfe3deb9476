// The ledger's pages work without this script: it finds types as one writes, and takes times in the reader's own zone.

for (const tool of document.querySelectorAll("[data-find]")) {
  const text = tool.querySelector("[data-find-text]");
  const things = [...document.querySelectorAll(tool.dataset.find)];
  text.addEventListener("input", () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const thing of things) thing.hidden = !words.every((word) => thing.textContent.toLowerCase().includes(word));
  });
}

const zone = document.querySelector("input[name=zone]");
if (zone) {
  zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const name of document.querySelectorAll("[data-zone-name]")) name.textContent = `(${zone.value})`;
}
