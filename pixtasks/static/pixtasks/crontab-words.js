// Shows the chosen crontab in words below its field, and again whenever another one is chosen.
const words = JSON.parse(document.getElementById("readable-crontabs").textContent);
const chosen = document.getElementById("id_crontab");
if (chosen) {
  const told = document.createElement("p");
  told.className = "text-sm mt-2";
  told.setAttribute("role", "status");
  const tell = () => {
    told.textContent = words[chosen.value] ?? "";
  };
  (chosen.closest(".related-widget-wrapper") ?? chosen).after(told);
  chosen.addEventListener("change", tell);
  tell();
}
