// A job's page: what a square of the grid holds is told in the line below it; a download that was asked for begins.
const line = document.querySelector("[data-tip-line]");
if (line) {
  const rest = line.textContent;
  const tell = (event) => {
    const cell = event.target.closest?.("[data-tip]");
    if (cell) line.textContent = cell.dataset.tip;
  };
  const leave = (event) => {
    if (event.target.closest?.("[data-tip]") && !event.relatedTarget?.closest?.("[data-tip]")) line.textContent = rest;
  };
  for (const name of ["pointerover", "focusin"]) document.addEventListener(name, tell);
  for (const name of ["pointerout", "focusout"]) document.addEventListener(name, leave);
}

const download = document.querySelector("[data-download]");
if (download) {
  const address = new URL(location.href);
  address.searchParams.delete("download");
  history.replaceState(null, "", address);
  download.click();
}

// The options of an engine are open while it is chosen.
document.querySelector("[data-new-job]")?.addEventListener("change", (event) => {
  if (event.target.name !== "engines") return;
  const options = event.target.closest(".jb-engine").querySelector("details");
  if (options) options.open = event.target.checked;
});

// Times that are written into the form of failures are the reader's own.
const zone = document.querySelector("[data-failures] input[name=zone]");
if (zone) {
  zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const name of document.querySelectorAll("[data-zone-name]")) name.textContent = `(${zone.value})`;
}
