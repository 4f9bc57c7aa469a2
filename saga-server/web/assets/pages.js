// What script adds: copying, addresses without empty filters, ages that go on, and word of what changes. Every page is of use
// without it.
"use strict";

// The same lengths as the server writes.
const UNITS = [["d", 86400, "h", 3600], ["h", 3600, "min", 60], ["min", 60, "s", 1]];

function length(seconds) {
  for (const [large, size, small, part] of UNITS) {
    if (seconds >= size) {
      const rest = Math.floor(seconds % size / part);
      return `${Math.floor(seconds / size)} ${large}${rest ? ` ${rest} ${small}` : ""}`;
    }
  }
  return `${seconds} s`;
}

async function copied(text) {
  // Browsers offer the clipboard to HTTPS and this machine only.
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Not allowed here: by a selection.
    }
  }
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

// Where nothing can be copied, the text is there to be taken by hand.
function show(button, text) {
  const field = document.createElement("textarea");
  field.className = "to-copy";
  field.readOnly = true;
  field.rows = Math.min(6, text.split("\n").length);
  field.value = text;
  field.setAttribute("aria-label", "Text to copy");
  button.after(field);
  field.focus();
  field.select();
}

async function copy(button, text) {
  const before = button.textContent;
  const words = await text();
  const done = await copied(words);
  if (!done && !button.nextElementSibling?.classList.contains("to-copy")) {
    show(button, words);
  }
  button.textContent = done ? "Copied" : "Copy the text below";
  setTimeout(() => { button.textContent = before; }, 1500);
}

for (const button of document.querySelectorAll("button[data-copy], button[data-copy-from]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button, async () =>
    button.dataset.copy ?? (await fetch(button.dataset.copyFrom)).text()));
}

// How the last token goes on. A list of suggestions replaces the whole field, so each has what stands before it.
for (const field of document.querySelectorAll("input[data-suggest]")) {
  const list = field.list;
  let asked;
  field.addEventListener("input", () => {
    clearTimeout(asked);
    asked = setTimeout(async () => {
      const line = field.value;
      const answer = await fetch(`${field.dataset.suggest}?q=${encodeURIComponent(line)}`).catch(() => undefined);
      if (!answer?.ok || field.value !== line) {
        return;
      }
      const { before, suggestions } = await answer.json();
      list.replaceChildren(...suggestions.map((suggestion) => {
        const option = document.createElement("option");
        option.value = before + suggestion;
        return option;
      }));
    }, 150);
  });
}

for (const field of document.querySelectorAll("[data-select]")) {
  field.addEventListener("focus", () => field.select());
}

for (const button of document.querySelectorAll("button[data-expand]")) {
  const parts = document.getElementById(button.dataset.expand)?.parentElement.querySelectorAll("details") ?? [];
  button.hidden = parts.length < 2;
  button.addEventListener("click", () => {
    const open = [...parts].some((part) => !part.open);
    for (const part of parts) {
      part.open = open;
    }
    button.textContent = open ? "Collapse all" : "Expand all";
  });
}

for (const form of document.querySelectorAll("form[data-drop-empty]")) {
  form.addEventListener("submit", () => {
    for (const field of form.elements) {
      if (field.name && !field.value) {
        field.disabled = true;
      }
    }
  });
}

document.addEventListener("keydown", (event) => {
  const search = document.querySelector(".search input");
  if (event.key === "/" && search && !event.target.closest("input, textarea, select") && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
  }
});

// The server's clock counts: the reader's may be wrong.
const made = document.querySelector("time[data-made]");
const skew = made ? Date.parse(made.dateTime) - Date.now() : 0;

function age() {
  if (document.hidden) {
    return;
  }
  const now = Date.now() + skew;
  for (const time of document.querySelectorAll("time[data-age]")) {
    const seconds = Math.floor((now - Date.parse(time.dateTime)) / 1000);
    if (seconds >= 1) {
      time.textContent = time.dataset.age.replace("%", length(seconds));
    }
  }
}

setInterval(age, 10000);

// A message that is copied leads here from anywhere.
for (const message of document.querySelectorAll("textarea[data-path]")) {
  message.value = message.value.replace(message.dataset.path, location.origin + message.dataset.path);
  message.addEventListener("focus", () => message.select());
}

// What changes is reported above what is being read, which stays as it is until it is asked for. A screen reader hears of it
// once, not with every change.
for (const news of document.querySelectorAll("[data-live]")) {
  const changed = new Set();
  const [shown, heard] = news.children;
  let stream;
  let lost;

  const tell = (words) => {
    const refresh = document.createElement("a");
    refresh.href = location.href.split("#")[0];
    refresh.textContent = "Refresh";
    shown.replaceChildren(`${words} `, refresh);
    news.classList.add("announced");
  };

  const hear = (words) => {
    if (heard.textContent !== words) {
      heard.textContent = words;
    }
  };

  const count = () => {
    if (changed.size > 0) {
      tell(changed.size === 1 ? "1 update." : `${changed.size} updates.`);
      hear("There are updates.");
    } else {
      shown.replaceChildren();
      news.classList.remove("announced");
      hear("");
    }
  };

  const listen = () => {
    stream = new EventSource(news.dataset.live);
    stream.addEventListener("saga", (event) => {
      changed.add(JSON.parse(event.data).sagaId);
      count();
    });
    stream.addEventListener("reset", () => {
      tell("Many updates.");
      hear("There are updates.");
    });
    stream.addEventListener("open", () => {
      clearTimeout(lost);
      if (news.classList.contains("lost")) {
        news.classList.remove("lost");
        tell("Connected again.");
        hear("Connected again. There may be updates.");
      }
    });
    stream.addEventListener("error", () => {
      clearTimeout(lost);
      lost = setTimeout(() => {
        news.classList.add("lost");
        tell(`Connection lost, figures of ${made?.textContent ?? "before"}.`);
        hear("Connection lost.");
      }, 5000);
    });
  };

  // A browser has few connections for all its pages, and those that nobody looks at need none.
  const look = () => {
    if (document.hidden) {
      clearTimeout(lost);
      stream?.close();
      stream = undefined;
    } else if (!stream) {
      listen();
    }
  };

  document.addEventListener("visibilitychange", () => {
    const wasAway = !document.hidden && !stream;
    look();
    age();
    if (wasAway) {
      tell("There may be updates.");
    }
  });
  look();
}
