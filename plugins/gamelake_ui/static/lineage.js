// The path of a mart: from the source, by the files of the lake and the models, to the published file.
import { airflowLink, ask, make, newestOnly, show, svg } from "./common.js";
import { TEXTS } from "./lineage_texts.js";

const COLUMNS = ["source", "raw", "staging", "between", "mart"];
const ORIGINS = ["raw", "feeds", "inputs"];
const asked = new URLSearchParams(location.search);
const language = asked.get("lang") === "ko" ? "ko" : "en";
const say = TEXTS[language];
const number = (value) => (value === null || value === undefined ? "–" : value.toLocaleString(language === "ko" ? "ko-KR" : "en-GB"));
const time = new Intl.DateTimeFormat(language === "ko" ? "ko-KR" : "en-GB", { timeZone: "Asia/Seoul", dateStyle: "long", timeStyle: "short" });
const day = new Intl.DateTimeFormat(language === "ko" ? "ko-KR" : "en-GB", { timeZone: "UTC", dateStyle: "long" });
const newest = newestOnly();
const state = { path: null, steps: new Map(), order: [], chosen: null };

async function start() {
  document.documentElement.lang = language;
  document.title = say.title;
  try {
    await open(asked.get("mart"));
  } catch (error) {
    notice(say.unreadable, error.message);
  }
}

async function open(mart) {
  state.path = await newest(ask(`api/lineage${mart ? `?mart=${encodeURIComponent(mart)}` : ""}`));
  if (!state.path) return notice(say.title, say.empty);
  state.steps = new Map(withSources(state.path.steps).map((step) => [step.path, step]));
  const origins = [...state.steps.values()].filter((step) => ORIGINS.includes(step.kind));
  origins.sort((a, b) => ORIGINS.indexOf(a.kind) - ORIGINS.indexOf(b.kind) || a.name.localeCompare(b.name));
  state.order = origins.map((step) => step.path);
  state.chosen = `marts/${state.path.name}`;
  history.replaceState(null, "", address(state.path.name, language));
  draw();
}

const address = (mart, lang) => `?${new URLSearchParams({ ...(mart ? { mart } : {}), ...(lang === "ko" ? { lang } : {}) })}`;

// A table of a source leads to what the source calls it.
function withSources(steps) {
  const sources = steps.filter((step) => step.origin).map((step) => ({
    path: `source/${step.origin}`, name: step.origin, kind: "source", reads: [], description: "", table: step,
  }));
  return [...steps.map((step) => (step.origin ? { ...step, reads: [`source/${step.origin}`] } : step)), ...sources];
}

function columnOf(step) {
  if (step.path === `marts/${state.path.name}`) return "mart";
  if (ORIGINS.includes(step.kind)) return "raw";
  return COLUMNS.includes(step.kind) ? step.kind : "between";
}

// Boxes are in the order of the tables that they are made of, so that few lines cross.
function rank(step) {
  if (step.kind === "source") return rank(step.table);
  if (ORIGINS.includes(step.kind)) return state.order.indexOf(step.path);
  return Math.min(...step.reads.map((path) => (state.steps.has(path) ? rank(state.steps.get(path)) : Infinity)));
}

function notice(title, text) {
  show(...head(title), make("p", {}, text), make("p", { class: "quiet" }, say.events));
}

function head(title) {
  const other = language === "ko" ? "en" : "ko";
  return [
    make("h1", {}, title),
    make("p", { class: "small" }, make("a", { href: `lineage${address(state.path?.name ?? asked.get("mart"), other)}`, lang: other, hreflang: other }, TEXTS[other].language)),
  ];
}

function draw() {
  const { path } = state;
  const options = path.marts.map((name) => make("option", { value: name, selected: name === path.name ? "" : null }, name));
  const names = make("select", { "aria-label": say.mart, onchange: (event) => open(event.target.value).catch((error) => notice(say.unreadable, error.message)) }, ...options);
  const columns = COLUMNS.map((column) => {
    const steps = [...state.steps.values()].filter((step) => columnOf(step) === column);
    if (!steps.length) return null;
    steps.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
    return make("section", { class: "step-column" }, make("h2", {}, `${say.columns[column]} (${number(steps.length)})`), make("div", {}, ...steps.map(box)));
  });
  show(
    ...head(say.heading(path.name)),
    make("p", {}, say.intro),
    make("div", { class: "tools" }, names, make("a", { href: `games?mart=${encodeURIComponent(path.name)}` }, say.rows)),
    make("div", { class: "scroll drawing", tabindex: "0", role: "region", "aria-label": say.drawing },
      make("div", { class: "path", id: "path" }, svg("svg", { "aria-hidden": "true", id: "lines" }), ...columns)),
    make("div", { id: "facts", "aria-live": "polite" }),
    make("p", { class: "quiet small" }, say.foot(day.format(new Date(`${path.day}T00:00:00Z`)), time.format(new Date(path.built_at)))),
    make("p", { class: "quiet small" }, say.events),
  );
  mark();
  const drawing = document.querySelector(".drawing");
  const mart = drawing.querySelector("[aria-pressed=true]");
  drawing.scrollTop = mart.offsetTop - drawing.clientHeight / 2;
  new ResizeObserver(lines).observe(document.getElementById("path"));
}

function box(step) {
  return make("button", { type: "button", class: "step", "data-path": step.path, onclick: () => { state.chosen = step.path; mark(); } },
    make("b", {}, step.name), make("span", {}, under(step)));
}

function under(step) {
  if (step.kind === "source") return step.table.commit?.origin === "sandbox" ? say.sandbox : say.api;
  if (step.commit) return say.counted(number(step.commit.row_count), number(step.file_count));
  if (step.kind === "raw") return say.notLoaded;
  if (step.kind === "feeds") return say.feed;
  if (step.mart) return say.published(number(step.mart.rows));
  if (step.file_count) return say.days(number(step.file_count));
  return step.kind === "inputs" ? say.inputs : say.kinds[step.kind] ?? "";
}

// What the chosen step is made of, and what is made of it.
function connected(from) {
  const found = new Set([from]);
  const follow = (next) => {
    const wanted = [from];
    while (wanted.length) {
      for (const path of next(wanted.pop())) if (!found.has(path)) { found.add(path); wanted.push(path); }
    }
  };
  const known = (paths) => paths.filter((path) => state.steps.has(path));
  follow((path) => known(state.steps.get(path).reads));
  const back = new Set(found);
  found.clear();
  found.add(from);
  follow((path) => [...state.steps.values()].filter((step) => step.reads.includes(path)).map((step) => step.path));
  return new Set([...back, ...found]);
}

function mark() {
  const on = connected(state.chosen);
  for (const element of document.querySelectorAll(".step")) {
    const { path } = element.dataset;
    element.classList.toggle("on", on.has(path));
    element.classList.toggle("off", !on.has(path));
    element.setAttribute("aria-pressed", String(path === state.chosen));
  }
  lines();
  facts(state.steps.get(state.chosen));
}

function lines() {
  const drawing = document.getElementById("path");
  const on = connected(state.chosen);
  const outer = drawing.getBoundingClientRect();
  const place = new Map([...drawing.querySelectorAll(".step")].map((each) => [each.dataset.path, each.getBoundingClientRect()]));
  const paths = [...state.steps.values()].flatMap((step) => step.reads.filter((path) => place.has(path)).map((path) => {
    const from = place.get(path);
    const to = place.get(step.path);
    const [y1, y2] = [from.top + from.height / 2 - outer.top, to.top + to.height / 2 - outer.top];
    const isBeside = Math.abs(from.left - to.left) < 5;
    const [x1, x2] = [from.right - outer.left, (isBeside ? to.right : to.left) - outer.left];
    const bend = isBeside ? 30 : Math.max(24, (x2 - x1) / 2);
    const curve = isBeside ? `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 + bend} ${y2} ${x2} ${y2}` : `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
    return svg("path", { d: curve, class: on.has(path) && on.has(step.path) ? "on" : "" });
  }));
  paths.sort((a, b) => a.classList.contains("on") - b.classList.contains("on"));
  document.getElementById("lines").replaceChildren(...paths);
}

function facts(step) {
  const { commit, mart } = step;
  const table = step.kind === "source" ? step.table : step;
  const entries = [
    [say.place, step.kind === "source" ? null : make("code", {}, mart ? mart.key : ["raw", "feeds"].includes(step.kind) || step.file_count ? `${step.path}/` : say.noFile)],
    [say.copy, mart && make("code", {}, mart.copy)],
    [say.rowsOf, mart ? number(mart.rows) : commit ? number(commit.row_count) : null],
    [say.atSource, commit && (commit.source_count === null ? say.uncounted : number(commit.source_count))],
    [say.commit, commit && say.committed(number(commit.version), time.format(new Date(commit.committed_at)), commit.partition)],
    [say.load, table.commit && loadLink(table.commit)],
    [say.requests, table.commit && number(table.commit.requests)],
    [say.readsFrom, step.reads.length ? step.reads.map((path) => state.steps.get(path)?.name ?? path).join(", ") : null],
  ].filter(([, value]) => value !== null && value !== undefined);
  const about = step.kind === "source" ? say.aboutSource(step.table.name) : step.description || (step.kind === "inputs" ? say.aboutInputs : "");
  document.getElementById("facts").replaceChildren(...[
    make("h2", {}, step.name),
    about ? make("p", {}, about) : null,
    make("dl", { class: "scroll" }, ...entries.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
    step.file_count ? files(step) : null,
  ].filter(Boolean));
}

function loadLink(commit) {
  const dag = `${commit.source}_${commit.entity}`;
  return airflowLink(`dags/${dag}/runs/${encodeURIComponent(commit.run_id)}`, `${dag}, ${commit.run_id}`);
}

function files(step) {
  const rows = step.files.map((file) => make("tr", {},
    make("td", { class: "wide", "data-label": say.file }, make("code", {}, file.key)),
    make("td", { "data-label": say.day }, file.partition),
    make("td", { class: "number", "data-label": say.rowsOf }, number(file.rows))));
  return make("div", {},
    make("h2", {}, step.file_count > step.files.length ? say.someFiles(number(step.files.length), number(step.file_count)) : say.files(number(step.file_count))),
    make("div", { class: "scroll files", tabindex: "0", role: "region", "aria-label": say.fileList },
      make("table", {}, make("thead", {}, make("tr", {}, ...[say.file, say.day, say.rowsOf].map((name, index) => make("th", { scope: "col", class: index === 2 ? "number" : null }, name)))),
        make("tbody", {}, ...rows))));
}

start();
