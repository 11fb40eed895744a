"use strict";
(() => {
  const content = JSON.parse(document.getElementById("content").textContent);
  const items = content.items;
  const $ = (id) => document.getElementById(id);
  const PLACE = `review:${content.sheet}`;
  const ADVANCE_MS = 260;

  let rater = "";
  let ratings = {};            // item: {preference, left_rating, right_rating, comment, at}
  let here = 0;
  let framed = "left";
  let changed = false;         // since the last file was saved
  let going = 0;

  // ---- Memory: every change is written at once; a message is shown where the browser refuses. ----
  const remember = (name, value) => {
    try { localStorage.setItem(`${PLACE}:${name}`, JSON.stringify(value)); return true; } catch { return false; }
  };
  const recall = (name, otherwise) => {
    try { return JSON.parse(localStorage.getItem(`${PLACE}:${name}`)) ?? otherwise; } catch { return otherwise; }
  };
  const raters = () => recall("raters", []);
  const keep = () => {
    changed = true;
    const known = raters();
    const kept = remember(`ratings:${rater}`, ratings) && (known.includes(rater) || remember("raters", [...known, rater]));
    if (!kept) trouble("This browser cannot store your ratings. Save the file before you close the page.");
  };
  const trouble = (text) => { $("trouble").textContent = text; $("trouble").hidden = !text; if ($("intro").hidden) toast(text); };
  let toasting = 0;
  const toast = (text) => {
    $("toast").textContent = text;
    $("toast").hidden = false;
    clearTimeout(toasting);
    toasting = setTimeout(() => { $("toast").hidden = true; }, 3500);
  };

  // ---- What is shown. Untrusted text enters through textContent only. ----
  const rating = () => ratings[items[here].item] ?? {};
  const rated = (item) => Boolean(ratings[item.item]?.preference);
  const open = () => items.findIndex((item) => !rated(item));
  const setText = (id, text) => {
    $(id).textContent = text.trim() === "" ? "(nothing)" : text;
    $(id).classList.toggle("empty", text.trim() === "");
  };
  const picture = (source, number) => {
    const image = document.createElement("img");
    image.src = source;
    image.alt = `Picture ${number + 1}`;
    return image;
  };
  const press = (button, on) => button.setAttribute("aria-pressed", String(on));

  const show = () => {
    const item = items[here];
    const given = rating();
    $("pictures").replaceChildren(...item.pictures.map(picture));
    $("pictures").hidden = item.pictures.length === 0;
    setText("prompt", item.prompt);
    setText("left-text", item.left);
    setText("right-text", item.right);
    $("expected-box").hidden = item.expected === null;
    setText("expected", item.expected ?? "");
    for (const button of document.querySelectorAll("[data-rating]"))
      press(button, given[`${button.dataset.side}_rating`] === Number(button.dataset.rating));
    for (const button of document.querySelectorAll("[data-preference]"))
      press(button, given.preference === button.dataset.preference);
    for (const side of ["left", "right"]) {
      $(side).classList.toggle("framed", side === framed);
      $(side).classList.toggle("better", given.preference === side);
    }
    if (document.activeElement !== $("comment")) $("comment").value = given.comment ?? "";
    const done = items.filter(rated).length;
    $("count").textContent = `${here + 1} of ${items.length}, ${done} rated`;
    [...$("map").children].forEach((dot, number) => {
      const preference = ratings[items[number].item]?.preference;
      dot.className = preference === "skip" ? "skipped" : preference ? "given" : "";
      if (number === here) dot.setAttribute("aria-current", "true"); else dot.removeAttribute("aria-current");
    });
    $("back").disabled = here === 0;
  };
  const screen = (name) => {
    for (const other of ["intro", "work", "done"]) $(other).hidden = other !== name;
    $("bar").hidden = name === "intro";
    window.scrollTo(0, 0);
  };
  const settle = () => { clearTimeout(going); going = 0; };
  const go = (number) => {
    settle();
    here = Math.max(0, Math.min(items.length - 1, number));
    const given = rating();
    framed = given.left_rating && !given.right_rating ? "right" : "left";
    $("expected-box").open = false;
    document.activeElement?.blur();
    remember(`place:${rater}`, here);
    screen("work");
    show();
  };
  const next = () => {
    settle();
    if (here < items.length - 1) return go(here + 1);
    return open() === -1 ? finish() : (toast("The last pair. These have no verdict yet."), go(open()));
  };
  const finish = () => {
    const skipped = items.filter((item) => ratings[item.item]?.preference === "skip").length;
    $("done-text").textContent = `${items.length - skipped} of ${items.length} pairs rated` +
      (skipped ? `, ${skipped} that you could not decide.` : ".") +
      " Save the file and send it back to whoever gave you this page.";
    screen("done");
    $("save-big").focus();
  };

  // ---- Actions of the rater. ----
  const give = (values) => {
    const before = rating();
    ratings[items[here].item] = { ...before, ...values, at: new Date().toISOString().replace(/\.\d+Z$/, "Z") };
    keep();
    show();
    const given = rating();
    const whole = (one) => one.preference === "skip" || (one.preference && one.left_rating && one.right_rating);
    if ($("auto").checked && whole(given) && !whole(before)) going = setTimeout(next, ADVANCE_MS);
  };
  const prefer = (preference) => give({ preference: rating().preference === preference ? null : preference });
  const rate = (side, number) => {
    const name = `${side}_rating`;
    const again = rating()[name] === number;
    framed = again || side === "right" ? side : "right";
    if (side === "right" && !again && !rating().left_rating) framed = "left";
    give({ [name]: again ? null : number });
  };

  const lines = () => items.filter((item) => ratings[item.item]).map((item) => {
    const given = ratings[item.item];
    return JSON.stringify({
      sheet: content.sheet, item: item.item, rater, preference: given.preference ?? null,
      left_rating: given.left_rating ?? null, right_rating: given.right_rating ?? null,
      comment: given.comment ?? "", at: given.at,
    }) + "\n";
  });
  const fileName = () => `ratings-${content.sheet}-${rater.replace(/[^\p{L}\p{N}_-]+/gu, "-")}.jsonl`;
  const save = () => {
    const all = lines();
    if (!all.length) return toast("Nothing is rated yet.");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(all, { type: "application/x-ndjson" }));
    link.download = fileName();
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    changed = false;
    const left = items.length - items.filter(rated).length;
    const message = `Saved as ${fileName()}` + (left ? `; ${left} without a verdict` : "");
    $("saved").textContent = message;
    return toast(message);
  };

  const begin = (name) => {
    rater = name.normalize("NFC").trim() || `rater-${[...crypto.getRandomValues(new Uint8Array(4))].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
    ratings = recall(`ratings:${rater}`, {});
    $("who").textContent = rater;
    if (items.length && open() === -1) return finish();
    const place = recall(`place:${rater}`, 0);
    return go(rated(items[Math.min(place, items.length - 1)]) ? open() : place);
  };
  const offer = () => {
    $("known").replaceChildren(...raters().map((name) => {
      const button = document.createElement("button");
      const kept = recall(`ratings:${name}`, {});
      const done = items.filter((item) => kept[item.item]?.preference).length;
      button.type = "button";
      button.textContent = `Continue as ${name}: ${done} of ${items.length}`;
      button.addEventListener("click", () => begin(name));
      return button;
    }));
  };
  const takeUp = async (file) => {
    let read;
    try { read = (await file.text()).split("\n").filter((line) => line.trim()).map((line) => JSON.parse(line)); } catch { read = []; }
    if (!read.length) return trouble(`${file.name} holds no ratings. Open a file that this page saved (ratings-….jsonl).`);
    if (read.some((line) => line.sheet !== content.sheet)) return trouble(`${file.name} belongs to another sheet. Open it in the page it was saved from.`);
    const name = String(read[0].rater).slice(0, 64);
    const merged = recall(`ratings:${name}`, {});
    for (const { item, preference, left_rating, right_rating, comment, at } of read)
      if (items.some((one) => one.item === item) && !(merged[item]?.at > at)) merged[item] = { preference, left_rating, right_rating, comment, at };
    remember(`ratings:${name}`, merged);
    if (!raters().includes(name)) remember("raters", [...raters(), name]);
    trouble("");
    return begin(name);
  };

  const KEYS = {
    a: () => prefer("left"), ArrowLeft: () => prefer("left"),
    d: () => prefer("right"), ArrowRight: () => prefer("right"),
    s: () => prefer("tie"), x: () => prefer("skip"),
    w: () => { framed = framed === "left" ? "right" : "left"; show(); },
    g: () => (open() === -1 ? finish() : go(open())),
    c: () => $("comment").focus(),
    e: () => { $("expected-box").open = !$("expected-box").open; },
    Enter: next, Backspace: () => go(here - 1), "?": () => $("help").showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s" && rater) {
      event.preventDefault();
      return save();
    }
    if (event.ctrlKey || event.metaKey || event.altKey || $("work").hidden || $("help").open) return undefined;
    if (event.target === $("comment")) {
      if (event.key === "Escape" || event.key === "Enter") { event.preventDefault(); $("comment").blur(); }
      return undefined;
    }
    // A key on a focused button means that button, as everywhere.
    if ((event.key === "Enter" || event.key === " ") && event.target.closest("button, summary, input")) return undefined;
    if (event.repeat && event.key !== "Enter" && event.key !== "Backspace") return undefined;
    const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (action) { event.preventDefault(); return action(); }
    if (/^[1-5]$/.test(event.key)) {
      event.preventDefault();
      // Quick hands already mean the next pair; a second verdict in that moment corrects the first.
      if (going) next();
      if (!$("work").hidden) rate(framed, Number(event.key));
    }
    return undefined;
  });
  $("work").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.preference) prefer(button.dataset.preference);
    if (button?.dataset.rating) rate(button.dataset.side, Number(button.dataset.rating));
    if (button) button.blur();
  });
  $("comment").addEventListener("input", () => give({ comment: $("comment").value }));
  $("begin").addEventListener("submit", (event) => { event.preventDefault(); begin($("name").value); });
  $("open").addEventListener("change", () => { if ($("open").files.length) takeUp($("open").files[0]); $("open").value = ""; });
  $("back").addEventListener("click", () => go(here - 1));
  $("next").addEventListener("click", next);
  $("look").addEventListener("click", () => go(0));
  for (const id of ["save", "save-big"]) $(id).addEventListener("click", save);
  $("help-button").addEventListener("click", () => $("help").showModal());
  window.addEventListener("beforeunload", (event) => { if (changed && !remember("probe", 1)) event.preventDefault(); });

  $("map").classList.toggle("dense", items.length > 100);
  $("map").append(...items.map((_, number) => {
    const dot = document.createElement("button");
    dot.type = "button";
    dot.title = `Pair ${number + 1}`;
    dot.setAttribute("aria-label", dot.title);
    dot.addEventListener("click", () => go(number));
    return dot;
  }));
  for (const id of ["question", "asked"]) $(id).textContent = content.question;
  $("total").textContent = items.length === 1 ? "1 pair" : `${items.length} pairs`;
  if (!remember("probe", 1)) trouble("This browser cannot store your ratings. Save the file before you close the page.");
  offer();
  $("name").focus();
})();
