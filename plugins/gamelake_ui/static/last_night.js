import { airflowLink, ask, bothTimes, count, dayAndMonth, duration, korea, longDay, make, newestOnly, percent, show, showError, things } from "./common.js";
import { LOAD, MARTS, NIGHT, bar, chip, martsFacts, proof, tableOf, warningList } from "./facts.js";

const newest = newestOnly();
const DAY = /^\d{4}-\d{2}-\d{2}$/;

let report;
let quality;

async function start() {
  try {
    [report, quality] = await Promise.all([ask("api/nights"), ask("api/findings").catch((error) => ({ problem: error.message }))]);
    const wanted = new URLSearchParams(location.search).get("day");
    await select(DAY.test(wanted ?? "") ? wanted : report.night.day, { isFirst: true });
  } catch (error) {
    showError(error);
  }
}

async function select(day, { isFirst = false } = {}) {
  const night = await newest(day === report.night.day ? Promise.resolve(report.night) : ask(`api/nights/${day}`));
  draw(night);
  if (isFirst) return;
  history.replaceState(null, "", day === report.night.day ? location.pathname : `?day=${day}`);
  document.querySelector('.mark[aria-pressed="true"]')?.focus();
}

function draw(night) {
  const missing = night.loads.filter((load) => !load.commit);
  show(
    verdict(night, missing),
    cards(night, missing),
    strip(night.day),
    warningList("What is missing", missing.map((load) => make("span", { "data-dag": load.dag_id },
      make("b", {}, tableOf(load)), `: ${load.note} `)), "bad"),
    warningList("To look at", night.warnings.filter((line) => !missing.some((load) => line.startsWith(`${tableOf(load)}:`)))),
    night.day === report.night.day ? findingList() : null,
    night.loads.length ? make("h2", {}, "Loads") : null,
    night.loads.length ? loadTable(night) : null,
    report.captured.length ? make("h2", {}, "Tables of changes") : null,
    report.captured.length ? capturedTable(report.captured) : null,
    night.status === "before" ? null : make("h2", {}, "Marts"),
    night.status === "before" ? null : martsFacts(night.marts, night.day),
    report.levels.length ? make("h2", {}, "Service levels") : null,
    report.levels.length ? levelTable(report.levels) : null,
    warningList("Documents of the lake that cannot be used", report.problems),
    ...report.off.map((source) => make("p", { class: "quiet small" },
      `${source.toUpperCase()} is off: GAMELAKE_OPTIONAL_SOURCES does not name it. It has no loads, and the marts do not wait for it.`)),
    make("p", { class: "quiet small" }, `Read from ${report.lake} at ${bothTimes(report.read_at)}. Every figure comes from `
      + "its manifests and publications. A night is the Korean day whose loads start at 04:00."),
  );
  if (missing.length) tellRuns(night.day, missing).catch(() => {});
}

function findingList() {
  if (quality?.problem) return warningList("Unusual in the published data", [`It is not known. ${quality.problem}`]);
  const open = (quality?.findings ?? []).filter((finding) => finding.state !== "recovered");
  return warningList("Unusual in the published data", open.map((finding) => make("span", {},
    make("b", {}, finding.severity), ` ${finding.message} Since ${bothTimes(finding.since, report.night.day)}.`)),
  open.some((finding) => finding.severity !== "P2") ? "bad" : "warn");
}

function verdict(night, missing) {
  const [tone, sign, words] = NIGHT[night.status];
  const which = night.day === report.night.day ? "Last night" : `The night of ${dayAndMonth(night.day)}`;
  const title = night.status === "before" ? "The lake had no load on this day" : `${which} is ${words}`.replace("is missed", "was missed");
  return make("section", { class: "verdict", role: "status" },
    make("div", { class: `sign ${tone}`, "aria-hidden": "true" }, sign),
    make("div", {},
      make("h1", {}, title),
      make("p", { class: "quiet" }, longDay(night.day)),
      make("p", {}, sentence(night, missing))));
}

function sentence(night, missing) {
  const { marts, loads } = night;
  if (!loads.length) return "The first load of this lake came later.";
  const loaded = missing.length
    ? `${loads.length - missing.length} of ${things(loads.length, "table")} are loaded.`
    : `All ${things(loads.length, "table")} are loaded.`;
  const counted = loads.filter((load) => load.status === "complete").length;
  const agree = counted === loads.length ? "Every count agrees" : `${things(counted, "count")} agree${counted === 1 ? "s" : ""}`;
  const proven = counted ? ` ${agree} with the source.` : "";
  const published = marts.published_at ? ` The marts are tested and were published at ${bothTimes(marts.published_at, night.day)}.` : ` ${marts.note}`;
  return loaded + proven + published;
}

function cards(night, missing) {
  const { loads, marts } = night;
  if (!loads.length) return null;
  const sum = (name) => loads.reduce((total, load) => total + (load.commit?.[name] ?? 0), 0);
  const paced = loads.filter((load) => load.pace);
  const allowed = paced.reduce((total, load) => total + load.commit.requests / load.pace, 0);
  const pace = allowed ? ` · ${percent(paced.reduce((total, load) => total + load.commit.requests, 0) / allowed)} of the limit` : "";
  const card = (value, label) => make("div", { class: "card" }, make("b", {}, value), make("span", {}, label));
  return make("section", { class: "cards", "aria-label": "Figures of the night" },
    card(`${loads.length - missing.length} of ${loads.length}`, "tables loaded"),
    card(count(night.rows_read), "rows read"),
    card(count(sum("ranges_repaired")), "id ranges repaired"),
    card(count(sum("rows_rejected")), "rows rejected"),
    card(count(night.requests), `requests${pace}`),
    card(duration(night.load_seconds), "loading"),
    card(marts.published_at ? korea(marts.published_at) : MARTS[marts.status][1], marts.published_at ? "marts published, Korean time" : "marts"),
    card(marts.built_at || marts.published_at ? "passed" : "–", "tests of the marts"));
}

function strip(chosen) {
  const marks = report.marks.map((mark) => {
    const [tone, sign, words] = NIGHT[mark.status];
    const label = [mark.day, words, mark.expected ? `${mark.complete} of ${mark.expected} tables` : "", mark.reason ?? ""]
      .filter(Boolean).join(", ");
    return make("button", {
      type: "button", class: `mark ${tone}`, title: label, "aria-label": label, "aria-pressed": String(mark.day === chosen),
      onclick: () => select(mark.day).catch(showError),
    }, sign, make("i", {}, mark.day.slice(8)));
  });
  const shown = [...new Set(report.marks.map((mark) => mark.status))];
  return make("section", {},
    make("h2", {}, `The last ${report.marks.length} nights`),
    make("div", { class: "strip", onkeydown: move }, ...marks),
    make("div", { class: "legend small quiet" }, ...shown.map((status) => {
      const [tone, sign, words] = NIGHT[status];
      return make("span", {}, make("b", { class: tone }, sign), ` ${words}`);
    })));
}

function move(event) {
  const step = { ArrowLeft: "previousElementSibling", ArrowRight: "nextElementSibling" }[event.key];
  if (step) event.target[step]?.focus();
}

function loadTable(night) {
  const ends = [night.started_at, night.ended_at].map((moment) => new Date(moment).getTime());
  const names = ["Table", "State", "Source = table", "Mode", "Read", "Repaired", "Rejected", "Undeclared", "Requests", "Duration"];
  const right = new Set(["Read", "Repaired", "Rejected", "Requests", "Duration"]);
  const axis = night.started_at ? `${korea(night.started_at)} – ${korea(night.ended_at)} Korean time` : "Time";
  const head = make("tr", {},
    ...names.map((name) => make("th", { scope: "col", class: right.has(name) ? "number" : null }, name)),
    make("th", { scope: "col" }, axis));
  const rows = night.loads.map((load) => {
    const { commit } = load;
    const state = chip(LOAD[load.status]);
    const name = airflowLink(`dags/${load.dag_id}`, tableOf(load));
    const values = commit
      ? [name, state, proof(commit), commit.mode, count(commit.rows_read), count(commit.ranges_repaired),
        count(commit.rows_rejected), commit.undeclared_fields.join(", ") || "–",
        `${count(commit.requests)}${load.pace === null ? "" : ` (${percent(load.pace)})`}`, duration(commit.seconds)]
      : [name, state];
    const cells = values.map((value, index) => {
      const kinds = [
        ["name", "state", "wide proven"][index] ?? "", right.has(names[index]) ? "number" : "",
        value === "0" || value === "–" ? "zero" : "",
      ];
      return make("td", { "data-label": names[index], class: kinds.filter(Boolean).join(" ") || null }, value);
    });
    if (!commit) return make("tr", {}, ...cells, make("td", { class: "note wide", colspan: names.length - 1, "data-label": "Reason" }, load.note));
    const label = `${tableOf(load)}: ${korea(load.started_at)} to ${korea(commit.committed_at)}, ${duration(commit.seconds)}`;
    const from = new Date(load.started_at).getTime();
    return make("tr", {}, ...cells,
      make("td", { class: "time-cell" }, bar(from, new Date(commit.committed_at).getTime(), ends, label)));
  });
  const { marts } = night;
  const begin = marts.started_at ?? marts.built_at;
  const end = marts.published_at ?? marts.built_at;
  if (begin && end) {
    const label = `marts: ${korea(begin)} to ${korea(end)}`;
    const span = [begin, end].map((moment) => new Date(moment).getTime());
    rows.push(make("tr", {},
      make("td", { class: "name" }, "marts"),
      make("td", { class: "state" }, chip(MARTS[marts.status])),
      make("td", { class: "wide", "data-label": "Built and tested", colspan: names.length - 2 }, `${things(marts.marts, "mart")}, ${things(marts.rows, "row")}`),
      make("td", { class: "time-cell" }, bar(...span, ends, label, "marts"))));
  }
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Loads of the night" },
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

// They have no load: changes are applied to them whenever they arrive.
function capturedTable(tables) {
  const names = ["Table", "Of the database", "Rows", "Last change captured", "Last commit", "Last change rejected"];
  const rows = tables.map((table) => {
    const values = table.version === null
      ? [tableOf(table), table.origin, "–", "no snapshot is applied yet", "–", "–"]
      : [tableOf(table), table.origin, count(table.rows), bothTimes(table.changed_at), bothTimes(table.committed_at),
        table.rejected_at ? bothTimes(table.rejected_at) : "–"];
    const kinds = ["name", "", "number", "wide", "wide", "wide"];
    return make("tr", {}, ...values.map((value, index) => make("td", { "data-label": names[index], class: kinds[index] || null }, value)));
  });
  const head = names.map((name, index) => make("th", { scope: "col", class: index === 2 ? "number" : null }, name));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Tables of changes" },
    make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
}

const LEVEL = {
  met: ["good", "met"], burning: ["warn", "burning"], spent: ["warn", "budget spent"], missed: ["bad", "missed"],
};

function levelTable(levels) {
  const names = ["Promise", "State", "Target", "Good nights", "Budget left", "Last bad night"];
  const rows = levels.map((level) => {
    const values = [
      level.title, level.nights ? chip(LEVEL[level.status]) : "no night yet", `${percent(level.target)} of ${level.window}`,
      level.nights ? `${level.nights - level.bad} of ${level.nights}` : "–", level.nights ? percent(level.budget_left) : "–",
      level.last_bad ? `${dayAndMonth(level.last_bad)}: ${level.reason}` : "–",
    ];
    const kinds = ["name", "state", "number", "number", "number", "wide"];
    return make("tr", {}, ...values.map((value, index) => make("td", { "data-label": names[index], class: kinds[index] }, value)));
  });
  const head = names.map((name, index) => make("th", { scope: "col", class: [2, 3, 4].includes(index) ? "number" : null }, name));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Service levels" },
    make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
}

// The lake has no reason for a load that was held or failed. Airflow has the state of its run.
async function tellRuns(day, missing) {
  const found = await ask(`../api/v2/dags/~/dagRuns?partition_key_prefix_pattern=${day}&order_by=-run_after&limit=200`);
  for (const load of missing) {
    const place = document.querySelector(`[data-dag="${load.dag_id}"]`);
    const run = found.dag_runs.find((each) => each.dag_id === load.dag_id);
    if (!place) continue;
    if (!run) place.append("Airflow has no run for it.");
    else place.append(airflowLink(`dags/${run.dag_id}/runs/${encodeURIComponent(run.dag_run_id)}`, `Its run: ${run.state}`), ".");
  }
}

start();
