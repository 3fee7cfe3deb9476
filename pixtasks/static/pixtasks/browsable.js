// The browsable API: its forms and buttons send what they say, and the answer takes the place of the one before.

const answer = document.getElementById("answer");
const dialog = document.getElementById("dialog");

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

async function send(method, body) {
  const headers = { Accept: "text/html, application/json;q=0.9" };
  if (document.body.dataset.csrf) headers["X-CSRFToken"] = document.body.dataset.csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  answer.setAttribute("aria-busy", "true");
  try {
    show(method, await fetch(location.href, { method, headers, body, credentials: "same-origin" }));
  } catch (error) {
    answer.replaceChildren(element("p", "px-field-error", `Nothing came back: ${error.message}`));
  } finally {
    answer.removeAttribute("aria-busy");
    answer.scrollIntoView({ block: "nearest" });
  }
}

async function show(method, response) {
  const text = await response.text();
  if ((response.headers.get("Content-Type") ?? "").startsWith("text/html")) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const found = page.getElementById("answer");
    if (found) {
      answer.replaceChildren(...found.childNodes);
      return;
    }
  }
  const line = element("p", "api-line");
  const state = element("span", "px-badge", `${response.status} ${response.statusText}`);
  state.dataset.colour = response.ok ? "success" : "danger";
  line.append(element("b", "px-mono", method), " ", element("span", "px-mono", location.pathname + location.search), " ", state);
  answer.replaceChildren(line);
  if (text) answer.append(element("pre", "px-code api-body", pretty(text)));
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

for (const form of document.querySelectorAll("form[data-method]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.submitter?.dataset.method ?? form.dataset.method, form.elements._content.value);
  });
}

for (const button of document.querySelectorAll("button[type=button][data-method]")) {
  button.addEventListener("click", () => {
    if (!button.dataset.ask) {
      send(button.dataset.method);
      return;
    }
    const question = element("form", "web-ask");
    question.method = "dialog";
    const title = element("h2", "", button.dataset.ask);
    title.id = "dialog-title";
    const tools = element("div", "web-tools web-end");
    const no = element("button", "px-button px-button-quiet", "No, go back");
    const yes = element("button", "px-button px-button-danger", button.dataset.method);
    yes.type = "button";
    yes.addEventListener("click", () => {
      dialog.close();
      send(button.dataset.method);
    });
    tools.append(no, yes);
    question.append(title, tools);
    dialog.replaceChildren(question);
    dialog.showModal();
  });
}
