// What a load and a night mean, in words and signs. Colour is never the only difference.
import { airflowLink, bothTimes, count, duration, make, percent, svg, things } from "./common.js";

export const NIGHT = {
  complete: ["good", "✓", "complete"],
  warning: ["warn", "!", "complete, with warnings"],
  running: ["wait", "…", "still running"],
  incomplete: ["bad", "✕", "incomplete"],
  missed: ["bad", "✕", "missed: nothing was loaded"],
  before: ["none", "·", "before the first load"],
};

export const LOAD = {
  complete: ["good", "complete"],
  uncounted: ["good", "loaded"],
  partial: ["warn", "partial"],
  unproven: ["warn", "miscounted"],
  waiting: ["wait", "not yet"],
  missing: ["bad", "missing"],
  damaged: ["bad", "damaged"],
};

export const MARTS = {
  published: ["good", "published"],
  built: ["warn", "not published"],
  unfinished: ["bad", "not built"],
  waiting: ["wait", "not yet"],
  missing: ["bad", "not built"],
};

export const chip = ([tone, text]) => make("span", { class: `chip ${tone}` }, text);

// How a load is proven whose source does not count the whole table.
function provenBy({ proof: kind, proof_reason: reason }) {
  if (kind === "counted") return "what was read is counted";
  return reason ? `${kind}: ${reason}` : "the source cannot count";
}

// As `igdb.games`: another source may have an entity of the same name.
export const tableOf = (each) => `${each.source}.${each.entity}`;

// source_count counts rejected rows too; they are in no table.
export function proof(commit) {
  if (commit.source_count === null) return `${count(commit.row_count)} rows; ${provenBy(commit)}`;
  const difference = commit.source_count - commit.row_count;
  if (difference === 0) return `${count(commit.source_count)} = ${count(commit.row_count)}`;
  const why = commit.proof === "counted" ? ` + ${count(difference)} rejected` : "";
  return `${count(commit.source_count)} ${why ? "=" : "≠"} ${count(commit.row_count)}${why}`;
}

export function warningList(title, lines, tone = "warn") {
  if (!lines.length) return null;
  return make("section", { class: `look ${tone}` },
    make("b", {}, title), make("ul", {}, ...lines.map((line) => make("li", {}, line))));
}

export function definitions(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return make("dl", { class: "scroll" },
    ...shown.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

export function martsFacts(marts, night) {
  return definitions([
    ["State", make("span", {}, chip(MARTS[marts.status]), marts.is_shown ? " Readers have them now." : "")],
    ["Reason", marts.note],
    ["Published", marts.published_at && bothTimes(marts.published_at, night)],
    ["Built", marts.built_at && bothTimes(marts.built_at, night)],
    ["Build began", marts.started_at && bothTimes(marts.started_at, night)],
    ["Tests", marts.built_at || marts.published_at ? "All passed: a build with a failed test has no marts." : null],
    ["Marts", marts.marts === null ? null : `${things(marts.marts, "mart")} with ${things(marts.rows, "row")}`],
    ["Builds of this day", marts.builds > 1 ? count(marts.builds) : null],
    ["Folder", marts.generation && make("code", {}, marts.generation)],
    ["Run", marts.run_id && airflowLink(`dags/transform/runs/${encodeURIComponent(marts.run_id)}`, marts.run_id)],
  ]);
}

export function loadFacts(load, night) {
  const commit = load.commit;
  return definitions([
    ["State", chip(LOAD[load.status])],
    ["Source and table", commit && proof(commit)],
    ["Mode", commit.mode],
    ["Rows read", count(commit.rows_read) + (commit.rows_resumed ? `, of them ${count(commit.rows_resumed)} by an earlier try` : "")],
    ["Deleted at the source", count(commit.rows_deleted)],
    ["Repaired", things(commit.ranges_repaired, "id range")],
    ["Visible late", commit.rows_late ? things(commit.rows_late, "row") : null],
    ["Rejected", things(commit.rows_rejected, "row")],
    ["Undeclared fields", commit.undeclared_fields.join(", ") || "none"],
    ["Requests", requests(load)],
    ["Began", bothTimes(load.started_at, night)],
    ["Committed", `${bothTimes(commit.committed_at, night)}, as version ${count(commit.version)}`],
    ["Duration", duration(commit.seconds)],
    ["Rows come from", commit.origin],
  ]);
}

export function requests(load) {
  const { requests: sent, retries } = load.commit;
  const again = retries ? `, ${count(retries)} of them repeated` : "";
  const pace = load.pace === null ? "" : `, ${percent(load.pace)} of what the source allows in that time`;
  return `${count(sent)}${again}${pace}`;
}

// One bar on the time axis of the night.
export function bar(from, to, [start, end], label, kind = "bar") {
  const span = Math.max(1, end - start);
  const x = ((from - start) / span) * 100;
  const width = Math.max(0.8, ((to - from) / span) * 100);
  return svg("svg", { class: "time", viewBox: "0 0 100 18", preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("title", {}, label),
    svg("line", { x1: 0, x2: 100, y1: 9, y2: 9 }),
    svg("rect", { class: kind, x: Math.min(x, 99.2), y: 4, width, height: 10, rx: 1 }));
}
