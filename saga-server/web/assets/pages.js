// What script adds: copying, addresses without empty filters, and word of what changes. Every page is of use without it.
"use strict";

async function copy(button, text) {
  await navigator.clipboard.writeText(await text());
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1500);
}

for (const button of document.querySelectorAll("button[data-copy], button[data-copy-from]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", () => copy(button, async () =>
    button.dataset.copy ?? (await fetch(button.dataset.copyFrom)).text()));
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

// What changes is told above what is being read, which stays as it is until it is asked for.
for (const news of document.querySelectorAll("[data-live]")) {
  const changed = new Set();
  let stream;

  const tell = (words) => {
    const show = document.createElement("a");
    show.href = location.href.split("#")[0];
    show.textContent = "Show";
    news.replaceChildren(`${words} `, show);
  };

  const listen = () => {
    stream = new EventSource(news.dataset.live);
    stream.addEventListener("saga", (event) => {
      changed.add(JSON.parse(event.data).sagaId);
      tell(changed.size === 1 ? "1 saga has changed." : `${changed.size} sagas have changed.`);
    });
    stream.addEventListener("reset", () => tell("Many sagas have changed."));
  };

  // A browser has few connections for all its pages, and those that nobody looks at need none.
  const look = () => {
    if (document.hidden) {
      stream?.close();
      stream = undefined;
    } else if (!stream) {
      listen();
    }
  };

  document.addEventListener("visibilitychange", () => {
    const wasAway = !document.hidden && !stream;
    look();
    if (wasAway) {
      tell("Something may have changed.");
    }
  });
  look();
}
