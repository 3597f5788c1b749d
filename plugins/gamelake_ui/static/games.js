// The published marts, read as Parquet in the browser: only the columns that are shown.
import { answer, ask, count, longDay, make, newestOnly, show, showError, things } from "./common.js";
import { asyncBufferFromUrl, cachedAsyncBuffer, decompress, parquetMetadataAsync, parquetReadObjects, parquetSchema } from "./parquet.js";

const PAGE = 100;
const SHOWN = 11;
const LARGE = { rows: 50_000, shown: 6 };
// The columns that tell most, in this order; then figures, then others, until there are enough.
const FIRST = ["rank", "rank_change", "display_name", "game_name", "company_name", "category", "name", "release_year",
  "genre_names", "platform_abbreviations", "platform_names", "developer_names",
  "change", "field_name", "before_value", "after_value"];
const LAST = /(^dt$|^day$|_day$|_id$|_ids$|^cover|^url$|_slug$|_summary$|_description$|_at$|_precision$|_date$)/;
const NAMES = new Set(["display_name", "game_name", "company_name", "name"]);
const FIGURES = /(_score|_rating|_users|_players|_gained_7d|_watched|_share|hypes|games)$/;
const SAME = [["display_name", "game_name"], ["platform_abbreviations", "platform_names"]];

const compressors = { ZSTD: (input, length) => decompress(input, new Uint8Array(length)) };
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const newest = newestOnly();
const state = { marts: null, mart: null, unknown: null, columns: [], chosen: [], rows: [], search: "", sort: null, isDown: false, limit: PAGE };

async function start() {
  try {
    await open(new URLSearchParams(location.search).get("mart"));
  } catch (error) {
    showError(error);
  }
}

async function open(wanted) {
  state.marts = await ask("api/marts");
  const { marts } = state.marts;
  // In the first week there is nothing to compare with, so no game trends.
  const name = marts.find((mart) => mart.name === wanted)?.name
    ?? ["mart_trending_now", "dim_games"].find((each) => marts.some((mart) => mart.name === each && mart.rows)) ?? marts[0].name;
  state.unknown = wanted && wanted !== name ? wanted : null;
  await choose(name);
}

async function choose(name, columns = null) {
  const isNew = state.mart?.name !== name;
  state.mart = state.marts.marts.find((mart) => mart.name === name);
  Object.assign(state, await newest(read(state.mart, columns)));
  if (isNew) Object.assign(state, { search: "", sort: null, limit: PAGE });
  history.replaceState(null, "", `?mart=${encodeURIComponent(name)}`);
  draw();
}

async function read(mart, wanted) {
  const url = new URL(`marts/${mart.name}?sha256=${mart.sha256}`, document.baseURI).href;
  const file = cachedAsyncBuffer(await asyncBufferFromUrl({ url, byteLength: mart.bytes, fetch: answer }));
  const metadata = await parquetMetadataAsync(file);
  const columns = parquetSchema(metadata).children.map((child) => child.element.name);
  const chosen = wanted ?? preferred(columns, mart);
  const found = await parquetReadObjects({ file, metadata, columns: chosen, compressors });
  return { columns, chosen, rows: found.map((row) => ({ row, text: fold(chosen.map((column) => text(row[column])).join("\n")) })) };
}

function preferred(columns, mart) {
  const twice = new Set(SAME.filter(([better]) => columns.includes(better)).map(([, worse]) => worse));
  const first = FIRST.filter((name) => columns.includes(name) && !twice.has(name));
  // A table without names has only its keys to tell its rows apart.
  const keys = columns.some((name) => NAMES.has(name)) ? [] : columns.filter((name) => /_id$/.test(name));
  const others = columns.filter((name) => !FIRST.includes(name) && !LAST.test(name) && !/previous_rank/.test(name));
  const figures = others.filter((name) => FIGURES.test(name));
  const chosen = [...new Set([...keys, ...first, ...figures, ...others])].slice(0, mart.rows > LARGE.rows ? LARGE.shown : Math.max(SHOWN, first.length));
  return chosen.length ? chosen : columns;
}

const fold = (value) => value.normalize("NFKC").toLowerCase();

function text(value) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(text).join(", ");
  if (value instanceof Date) return value.toISOString().replace("T00:00:00.000Z", "").replace("T", " ").replace(/\.\d+Z$/, "");
  if (typeof value === "bigint") return value.toString();
  // A share such as 0.00000007 is not 0.
  if (typeof value === "number") return String(Number(Math.abs(value) < 1 ? value.toPrecision(3) : value.toFixed(3)));
  return String(value);
}

function shown(column, value) {
  const isCount = !/year|rank|_id$/.test(column) && ["number", "bigint"].includes(typeof value) && Math.abs(Number(value)) >= 1000;
  return isCount ? value.toLocaleString("en-GB") : text(value) || "–";
}

const isNumber = (column) => state.rows.slice(0, 200).some(({ row }) => ["number", "bigint"].includes(typeof row[column]));

function matching() {
  const words = fold(state.search).split(/\s+/).filter(Boolean);
  const found = state.rows.filter((each) => words.every((word) => each.text.includes(word)));
  if (!state.sort) return found;
  const side = state.isDown ? -1 : 1;
  const value = ({ row }) => row[state.sort];
  const isEmpty = (each) => value(each) === null || value(each) === undefined;
  return found.sort((a, b) => isEmpty(a) - isEmpty(b) || side * compare(value(a), value(b)));
}

function compare(a, b) {
  const isPlain = [a, b].every((each) => each instanceof Date || ["number", "bigint"].includes(typeof each));
  return isPlain ? (a > b ? 1 : a < b ? -1 : 0) : collator.compare(text(a), text(b));
}

function draw() {
  const { marts, day } = state.marts;
  const options = marts.map((mart) => make("option", { value: mart.name, selected: mart.name === state.mart.name ? "" : null },
    `${mart.name} (${count(mart.rows)})`));
  const search = make("input", { type: "search", placeholder: "Search", "aria-label": "Search in the shown columns", value: state.search,
    oninput: (event) => { state.search = event.target.value; state.limit = PAGE; drawRows(); } });
  show(
    make("h1", {}, "Games"),
    make("p", { class: "quiet" }, `The published marts of ${longDay(day)}.`),
    ...(state.unknown ? [make("p", { role: "status" }, `The published build has no mart ${state.unknown}: this is ${state.mart.name}.`)] : []),
    make("div", { class: "tools" },
      make("select", { "aria-label": "Mart", onchange: (event) => {
        state.unknown = null;
        choose(event.target.value).catch(recover);
      } }, ...options),
      search,
      make("a", { href: `lineage?mart=${encodeURIComponent(state.mart.name)}` }, "Where it comes from"),
      make("a", { href: `marts/${state.mart.name}?sha256=${state.mart.sha256}`, download: `${state.mart.name}.parquet` }, "Download Parquet")),
    make("details", { class: "columns" }, make("summary", {}, `${things(state.chosen.length, "column")} of ${count(state.columns.length)}`),
      make("div", {}, ...state.columns.map(columnBox))),
    ...credit(),
    make("div", { id: "rows", "aria-live": "polite" }),
  );
  drawRows();
}

// RAWG's terms: a page that shows its data names it, with an active link. Restricted marts of other sources have no such column.
function credit() {
  return state.columns.includes("attribution_url") ? [make("p", { class: "quiet small" }, "Data from RAWG: ", make("a", { href: "https://rawg.io/", rel: "noopener noreferrer" }, "rawg.io"))] : [];
}

function columnBox(name) {
  const box = make("input", { type: "checkbox", checked: state.chosen.includes(name) ? "" : null, onchange: () => {
    // The boxes, not what is shown: the column that was chosen before may still be read.
    const boxes = document.querySelectorAll(".columns input");
    const chosen = state.columns.filter((_, index) => boxes[index].checked);
    choose(state.mart.name, chosen.length ? chosen : [name]).catch(recover);
  } });
  return make("label", {}, box, ` ${name}`);
}

function drawRows() {
  const found = matching();
  const numbers = new Set(state.chosen.filter(isNumber));
  const head = state.chosen.map((column) => make("th", {
    scope: "col", class: numbers.has(column) ? "number" : null,
    "aria-sort": state.sort === column ? (state.isDown ? "descending" : "ascending") : null,
  }, make("button", { type: "button", onclick: () => {
    state.isDown = state.sort === column && !state.isDown;
    state.sort = column;
    drawRows();
  } }, column.replaceAll("_", " "), state.sort === column ? (state.isDown ? " ↓" : " ↑") : "")));
  const kind = (column, value) => [numbers.has(column) ? "number" : "", NAMES.has(column) ? "name wide" : "",
    Array.isArray(value) ? "wide" : "", text(value) ? "" : "zero"].filter(Boolean).join(" ") || null;
  const rows = found.slice(0, state.limit).map(({ row }) => make("tr", {}, ...state.chosen.map((column) => make("td", {
    class: kind(column, row[column]), "data-label": column.replaceAll("_", " "),
  }, make("bdi", {}, shown(column, row[column]))))));
  const more = found.length > state.limit
    ? make("button", { type: "button", class: "more", onclick: () => { state.limit += PAGE; drawRows(); } }, `Show ${PAGE} more`) : null;
  const parts = [
    make("p", { class: "quiet small" }, state.search ? `${things(found.length, "row")} of ${count(state.rows.length)} match.` : `${things(found.length, "row")}.`),
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Rows" },
      make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows))),
    more,
  ];
  document.getElementById("rows").replaceChildren(...parts.filter(Boolean));
}

// A new generation was published while the page was open: its files have other hashes.
function recover() {
  open(state.mart?.name).catch(showError);
}

start();
