
// Times in the reader's zone or in UTC, as chosen once; a part of a chart that is dragged over is shown alone; the address
// with fixed times is copied.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const isLocal = () => localStorage.getItem("zone") === "local";

// The date and the time of day in the zone in force, in the form that the server writes for UTC.
function parts(at) {
  const options = {
    timeZone: isLocal() ? zone : "UTC", hourCycle: "h23",
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  };
  return Object.fromEntries(new Intl.DateTimeFormat("en-GB", options).formatToParts(at).map(({ type, value }) => [type, value]));
}

// What the zone adds to UTC at that moment, as RFC 3339 writes it.
function offset(at) {
  const minutes = isLocal() ? -at.getTimezoneOffset() : 0;
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  return minutes === 0 ? "Z" : `${minutes < 0 ? "-" : "+"}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
}

// In the same form as the text that the server wrote.
function inZone(text, at) {
  const { year, month, day, hour, minute, second } = parts(at);
  const date = `${year}-${month}-${day}`;
  const forms = [
    [/^\d\d:\d\d:\d\d/, `${hour}:${minute}:${second}`], [/^\d\d:\d\d$/, `${hour}:${minute}`], [/^\d\d-\d\d$/, `${month}-${day}`],
    [/^\d\d-\d\d \d\d:\d\d$/, `${month}-${day} ${hour}:${minute}`], [/^\d{4}-\d\d-\d\d$/, date], [/^\d{4}-\d\d-\d\d \d\d:\d\d$/, `${date} ${hour}:${minute}`],
  ];
  return forms.find(([form]) => form.test(text))?.[1] ?? text;
}

function showZone() {
  const name = isLocal() ? zone : "UTC";
  for (const time of document.querySelectorAll("time[data-clock]")) {
    time.textContent = inZone(time.textContent, new Date(time.dateTime));
  }
  for (const time of document.querySelectorAll("time[data-made]")) {
    time.textContent = `${inZone(time.textContent, new Date(time.dateTime))} ${isLocal() ? "" : "UTC"}`.trim();
  }
  for (const tick of document.querySelectorAll("text[data-at]")) {
    tick.textContent = inZone(tick.textContent, new Date(Number(tick.dataset.at)));
  }
  for (const field of document.querySelectorAll("input[data-moment]")) {
    const at = new Date(field.value);
    if (field.value && !Number.isNaN(at.getTime())) {
      const { year, month, day, hour, minute, second } = parts(at);
      const rest = at.getTime() % 60000 === 0 ? "" : `:${second}.${String(at.getMilliseconds()).padStart(3, "0")}`;
      field.value = `${year}-${month}-${day}T${hour}:${minute}${rest}${offset(at)}`;
    }
  }
  for (const time of document.querySelectorAll("time[title]")) {
    const { year, month, day, hour, minute, second } = parts(new Date(time.dateTime));
    time.title = isLocal() ? `${time.dateTime} (${year}-${month}-${day} ${hour}:${minute}:${second} ${zone})` : time.dateTime;
  }
  for (const label of document.querySelectorAll("[data-zone-name]")) {
    label.textContent = name;
  }
  for (const button of document.querySelectorAll("button[data-zone]")) {
    button.textContent = isLocal() ? "Times in UTC" : `Times in ${zone}`;
    button.hidden = zone === "UTC";
  }
}

for (const button of document.querySelectorAll("button[data-zone]")) {
  button.addEventListener("click", () => {
    localStorage.setItem("zone", isLocal() ? "UTC" : "local");
    showZone();
  });
}
showZone();

for (const link of document.querySelectorAll("a[data-copy-address]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    copy(link, async () => link.href);
  });
}

function within(from, to) {
  const address = new URL(location.href);
  for (const name of ["period", "page", "cursor"]) {
    address.searchParams.delete(name);
  }
  address.searchParams.set("fromDate", new Date(from).toISOString());
  address.searchParams.set("toDate", new Date(to).toISOString());
  return address.href;
}

for (const chart of document.querySelectorAll("svg[data-from]")) {
  const [from, to, left, right] = ["from", "to", "left", "right"].map((name) => Number(chart.dataset[name]));
  // Where the pointer is, from 0 at the left end of the axis to 1.
  const place = (event) => {
    const box = chart.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * chart.viewBox.baseVal.width;
    return Math.min(Math.max((x - left) / (right - left), 0), 1);
  };
  const at = (share) => Math.round(from + (to - from) * share);
  let start;
  let mark;
  chart.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && event.pointerType !== "touch" && !event.target.closest("a")) {
      start = place(event);
      chart.setPointerCapture(event.pointerId);
    }
  });
  chart.addEventListener("pointermove", (event) => {
    if (start === undefined) {
      return;
    }
    if (!mark) {
      mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      mark.setAttribute("class", "zoom");
      mark.setAttribute("height", chart.viewBox.baseVal.height);
      chart.append(mark);
    }
    const ends = [start, place(event)].sort((one, other) => one - other);
    mark.setAttribute("x", left + (right - left) * ends[0]);
    mark.setAttribute("width", (right - left) * (ends[1] - ends[0]));
  });
  const end = (event) => {
    const ends = [start, place(event)].sort((one, other) => one - other);
    const isDragged = mark && ends[1] - ends[0] > 0.005;
    start = undefined;
    mark?.remove();
    mark = undefined;
    if (event.type === "pointerup" && isDragged) {
      location.href = within(at(ends[0]), at(ends[1]));
    }
  };
  for (const name of ["pointerup", "pointercancel"]) {
    chart.addEventListener(name, (event) => start !== undefined && end(event));
  }
}
