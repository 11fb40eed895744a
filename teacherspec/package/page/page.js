"use strict";
// Sorts and filters tables, and moves the temperature. Without it the page shows the same numbers.

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function key(row, column) {
  const cell = row.cells[column];
  const value = cell && cell.dataset.value;
  return value === undefined ? (cell ? cell.textContent.trim() : "") : Number(value);
}

// Missing numbers are last in both directions.
function compare(one, other, direction) {
  const numbers = [typeof one === "number", typeof other === "number"];
  if (numbers[0] && numbers[1]) return direction * (one - other);
  if (numbers[0] !== numbers[1]) return numbers[0] ? -1 : 1;
  return direction * collator.compare(one, other);
}

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  if (body.rows.length < 3) return;
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const first = head.classList.contains("n") ? "descending" : "ascending";
      const second = first === "ascending" ? "descending" : "ascending";
      const next = head.getAttribute("aria-sort") === first ? second : first;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", next);
      const direction = next === "ascending" ? 1 : -1;
      const rows = [...body.rows].map((row) => [key(row, column), row]);
      rows.sort((one, other) => compare(one[0], other[0], direction));
      body.append(...rows.map(([, row]) => row));
    });
  });
}

function filterable(box) {
  const rows = [...box.querySelectorAll("tbody tr")];
  if (rows.length < 6) return;
  const table = box.querySelector("table");
  const tools = document.createElement("div");
  tools.className = "tools";
  const label = document.createElement("label");
  const input = document.createElement("input");
  const count = document.createElement("span");
  input.type = "search";
  label.append(`Find in ${table.caption.textContent.toLowerCase()} `, input);
  count.setAttribute("role", "status");
  tools.append(label, count);
  box.prepend(tools);
  const texts = rows.map((row) =>
    [row.textContent, ...[...row.querySelectorAll("img")].map((image) => image.alt)].join(" ").toLowerCase());
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, place) => {
      row.hidden = !words.every((word) => texts[place].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    count.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
  });
}

function temperature() {
  const data = document.getElementById("sweep");
  if (!data) return;
  const { stops, start, fitted, method, after, most } = JSON.parse(data.textContent);
  const slider = document.getElementById("temperature");
  const bins = document.getElementById("bins");
  const element = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.entries(attributes).forEach(([attribute, value]) => made.setAttribute(attribute, value));
    return made;
  };
  const draw = (points) =>
    bins.replaceChildren(...points.flatMap(([confidence, accuracy, rows]) => {
      const [x, y] = [100 * confidence, 100 - 100 * accuracy];
      return [
        element("line", { class: "gap after", x1: x, x2: x, y1: 100 - x, y2: y }),
        element("circle", { class: "bin after", cx: x, cy: y, r: 1.2 + 3.3 * Math.sqrt(rows / most) }),
      ];
    }));
  const show = () => {
    const place = Number(slider.value);
    const stop = stops[place];
    const name = `T = ${stop.temperature.toFixed(3)}`;
    draw(stop.bins);
    document.getElementById("shown-bins").textContent =
      fitted && place === start ? `as calibrated: ${method}, ${name}` : `at ${name}`;
    document.getElementById("temperature-text").textContent = name;
    document.getElementById("measured").textContent = `ECE ${stop.ece.toFixed(3)}, NLL ${stop.nll.toFixed(3)} nats`;
    slider.setAttribute("aria-valuetext", `${name}, ECE ${stop.ece.toFixed(3)}`);
  };
  const reset = () => {
    slider.value = String(start);
    show();
    if (!fitted) {
      draw(after);
      document.getElementById("shown-bins").textContent = `as calibrated: ${method}`;
      document.getElementById("measured").textContent = "";
    }
  };
  slider.addEventListener("input", show);
  document.getElementById("as-calibrated").addEventListener("click", reset);
  document.querySelector(".control").hidden = false;
  reset();
}

document.querySelectorAll(".table table").forEach(sortable);
document.querySelectorAll("[data-filter]").forEach(filterable);
temperature();
window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
