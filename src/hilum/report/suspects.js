// Verdicts on suspects: kept in this browser, written as overlay.csv. Nothing is sent anywhere.
"use strict";
(() => {
  const cards = [...document.querySelectorAll(".suspect")];
  const by = document.getElementById("by"), progress = document.getElementById("progress");
  const trouble = document.getElementById("trouble");
  const key = "hilum review " + document.querySelector("main").dataset.review;
  const opposite = { positive: "negative", negative: "positive" };
  const name = card => JSON.stringify([card.dataset.finding, card.dataset.image]);
  const verdict = (card, choice) => ({
    right: card.dataset.given, wrong: opposite[card.dataset.given], unsure: "uncertain", unusable: "unusable",
  })[choice];

  const load = () => {
    try {
      const kept = JSON.parse(localStorage.getItem(key));
      if (kept && kept.verdicts) return kept;
    } catch { /* Another page's words, or a browser that keeps nothing: start afresh. */ }
    return { by: "", verdicts: {} };
  };
  const save = () => {
    try {
      localStorage.setItem(key, JSON.stringify(state));
    } catch {
      trouble.textContent = "This browser keeps nothing for this page: download the verdicts before you close it.";
    }
  };
  let state = load();

  const show = () => {
    const counts = { wrong: 0, right: 0, unsure: 0, unusable: 0 };
    for (const card of cards) {
      const given = state.verdicts[name(card)];
      if (given) counts[given.choice] += 1;
      card.classList.toggle("done", Boolean(given));
      for (const input of card.querySelectorAll("input")) input.checked = Boolean(given) && given.choice === input.value;
      card.querySelector(".kept span").textContent = given
        ? `Kept: ${given.verdict}${given.by ? ", by " + given.by : ""}, ${given.when.slice(0, 10)}` : "";
      card.querySelector(".kept button").hidden = !given;
    }
    const told = Object.entries(counts).filter(([, count]) => count).map(([word, count]) => `${count} ${word}`);
    const done = Object.values(counts).reduce((sum, count) => sum + count, 0);
    progress.textContent = `${done} of ${cards.length} reviewed${told.length ? ": " + told.join(", ") : ""}`;
  };
  const choose = (card, choice) => {
    state.by = by.value.trim();
    if (choice) {
      const when = new Date().toISOString().replace(/\.\d+Z$/, "Z");
      const { image, finding } = card.dataset;
      state.verdicts[name(card)] = { image, finding, choice, verdict: verdict(card, choice), by: state.by, when };
    } else delete state.verdicts[name(card)];
    save();
    show();
  };
  const go = card => {
    if (!card) return;
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "start" });
  };
  let current = -1;
  const next = () => go([...cards.slice(current + 1), ...cards.slice(0, current + 1)].find(card => !state.verdicts[name(card)]));

  // An apostrophe before what a spreadsheet would take for a formula, as hilum writes and reads its CSVs.
  const shown = text => /^'*[=+\-@\t\r]/.test(text) && !/^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? "'" + text : text;
  const quoted = value => `"${shown(String(value)).replaceAll('"', '""')}"`;
  const csv = () => {
    // In the page's order; then what was reviewed when the page showed more suspects than now.
    const names = [...new Set([...cards.map(name), ...Object.keys(state.verdicts)])].filter(one => state.verdicts[one]);
    const lines = names.map(one => state.verdicts[one])
      .map(given => [given.image, given.finding, given.verdict, given.by || state.by, given.when].map(quoted).join(","));
    return ["image_id,finding,verdict,by,when", ...lines, ""].join("\n");
  };
  const download = () => {
    state.by = by.value.trim();
    trouble.textContent = "";
    if (!Object.keys(state.verdicts).length) trouble.textContent = "No suspect is reviewed yet.";
    else if (!state.by) {
      trouble.textContent = "Put your name first: an overlay says who looked.";
      by.focus();
    } else {
      save();
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv;charset=utf-8" }));
      link.download = "overlay.csv";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }
  };

  cards.forEach((card, place) => {
    card.addEventListener("focusin", () => { current = place; });
    card.addEventListener("change", event => choose(card, event.target.value));
    card.querySelector(".kept button").addEventListener("click", () => { choose(card, null); card.focus(); });
    card.addEventListener("keydown", event => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const choice = { 1: "right", 2: "wrong", 3: "unsure", 4: "unusable" }[event.key];
      if (choice) { choose(card, choice); go(cards[place + 1]); }
      else if (event.key === "n") go(cards[place + 1]);
      else if (event.key === "p") go(cards[place - 1]);
      else return;
      event.preventDefault();
    });
  });
  by.value = state.by;
  by.addEventListener("change", () => { state.by = by.value.trim(); save(); });
  document.getElementById("next").addEventListener("click", next);
  document.getElementById("download").addEventListener("click", download);
  // The same page in two tabs: what one keeps, the other shows.
  addEventListener("storage", event => { if (event.key === key) { state = load(); show(); } });
  for (const part of document.querySelectorAll(".needs-script")) part.hidden = false;
  show();
})();
