"use strict";
(() => {
  for (const button of document.querySelectorAll("button[data-copies]")) {
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copies);
      const label = button.firstChild;
      try {
        await navigator.clipboard.writeText(source.textContent);
        label.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(source);
        label.textContent = "Selected: press Ctrl+C";
      }
      setTimeout(() => { label.textContent = "Copy"; }, 2500);
    });
  }

  const openTarget = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = target && (target.closest("details") || target.querySelector(":scope > details"));
    if (folded) folded.open = true;
  };
  addEventListener("hashchange", openTarget);
  openTarget();

  const field = document.getElementById("search");
  if (!field) return;
  const entries = JSON.parse(document.getElementById("index").textContent);
  for (const entry of entries) entry.text = `${entry.name} ${entry.product} ${entry.told}`.toLowerCase();
  const list = document.getElementById("results");
  const found = document.getElementById("found");
  const SHOWN = 40;

  const rank = (entry, words) => {
    let points = 0;
    const name = entry.name.toLowerCase();
    for (const word of words) {
      if (!entry.text.includes(word)) return 0;
      points += name === word ? 8 : name.startsWith(word) ? 5 : name.includes(word) ? 3 : 1;
    }
    return points + { product: 0.3, table: 0.2, column: 0.1 }[entry.kind];
  };

  const line = (entry) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = entry.href;
    const name = document.createElement("strong");
    name.textContent = entry.name;
    const where = document.createElement("span");
    where.textContent = entry.kind === "product" ? " product" : ` ${entry.kind} of ${entry.of}`;
    where.className = "quiet";
    const told = document.createElement("small");
    told.textContent = entry.told;
    link.append(name, where, told);
    item.append(link);
    return item;
  };

  const search = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = words.length === 0 ? [] : entries
      .map((entry) => [rank(entry, words), entry])
      .filter(([points]) => points > 0)
      .sort(([a, first], [b, second]) => b - a || first.name.localeCompare(second.name));
    list.replaceChildren(...hits.slice(0, SHOWN).map(([, entry]) => line(entry)));
    list.hidden = hits.length === 0;
    found.textContent = words.length === 0 ? "" : hits.length === 0
      ? `Nothing matches “${field.value.trim()}”. Try a part of a name, such as “unit”.`
      : `${hits.length} found${hits.length > SHOWN ? `, the first ${SHOWN} shown` : ""}`;
  };
  field.addEventListener("input", search);
  const asked = new URLSearchParams(location.search).get("q");
  if (asked) {
    field.value = asked;
    search();
  }
})();
