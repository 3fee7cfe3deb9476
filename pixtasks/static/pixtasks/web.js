// The pages work without this; with it questions open as dialogs, a form is sent once, and sums are shown.

const dialog = document.getElementById("dialog");

// A question that htmx has fetched.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target === dialog && !dialog.open) dialog.showModal();
});
// The session has ended meanwhile: the whole page leads to the sign-in.
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 401) location.reload();
});
dialog?.addEventListener("click", (event) => {
  if (event.target === dialog || event.target.closest("[data-close]")) {
    event.preventDefault();
    dialog.close();
  }
});

// One click, one request.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button[type=submit]")) button.classList.add("web-busy");
});
// Coming back by the browser's "back", the form may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-once]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll(".web-busy")) button.classList.remove("web-busy");
  }
});

// The account's menu closes when something else is meant.
const menu = document.querySelector(".web-menu");
document.addEventListener("click", (event) => {
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && menu?.open) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}

// How much a new job may bring.
const job = document.getElementById("new-job");
if (job) {
  const sum = document.getElementById("sum");
  const count = (number, noun) => `${number.toLocaleString()} ${noun}${number === 1 ? "" : "s"}`;
  const say = () => {
    const lines = (field) => new Set(field.value.split("\n").map((line) => line.trim().toLowerCase()).filter(Boolean)).size;
    const keywords = lines(job.keywords);
    const templates = lines(job.keyword_templates) || 1;
    const engines = job.querySelectorAll("[name=engines]:checked").length;
    const most = keywords * templates * engines * Number(job.max_images.value || 0);
    sum.textContent = most ? `${count(keywords, "keyword")}${templates > 1 ? ` × ${count(templates, "template")}` : ""} × ${count(engines, "engine")}: up to ${count(most, "image")}` : "";
  };
  job.addEventListener("input", say);
  say();
}
