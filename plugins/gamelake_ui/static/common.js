// What the pages share: elements without HTML strings, formats, and Airflow's theme.

// Names and reasons are set as text, so that none of them can be HTML.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  setAll(element, attributes);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAll(element, attributes);
  element.append(...children);
  return element;
}

function setAll(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
}

export const show = (...children) => {
  const page = document.getElementById("page");
  page.replaceChildren(...children.filter(Boolean));
  page.setAttribute("aria-busy", "false");
};

export const count = (number) => (number === null || number === undefined ? "–" : number.toLocaleString("en-GB"));
export const things = (number, thing) => `${count(number)} ${thing}${number === 1 ? "" : "s"}`;
export const percent = (share) => `${share > 0 && share < 0.01 ? "<1" : Math.round(share * 100)} %`;

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const clock = (zone) =>
  new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const KOREA = clock("Asia/Seoul");
const UTC = clock("UTC");
const DAY = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", weekday: "long", day: "numeric", month: "long", year: "numeric" });
const SHORT = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Seoul", day: "numeric", month: "short" });

export const korea = (moment) => KOREA.format(new Date(moment));
// The date is added where it is not the night's own: a day that was loaded or built again later.
export function bothTimes(moment, night) {
  const at = new Date(moment);
  const own = at.toLocaleDateString("sv-SE", { timeZone: "Asia/Seoul" });
  return `${night && own !== night ? `${SHORT.format(at)}, ` : ""}${KOREA.format(at)} Korean time (${UTC.format(at)} UTC)`;
}
const DAY_AND_MONTH = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "long" });
export const dayAndMonth = (day) => DAY_AND_MONTH.format(new Date(`${day}T00:00:00Z`));
export const longDay = (day) => DAY.format(new Date(`${day}T00:00:00Z`));

export class Refused extends Error {
  // title: what it is, if not that the lake cannot be read.
  constructor(message, title) {
    super(message);
    this.title = title;
  }
}

export async function ask(path) {
  return (await answer(path, { headers: { Accept: "application/json" } })).json();
}

// As fetch, but a refusal is an error that has the server's own reason.
export async function answer(path, options) {
  const reply = await fetch(path, options);
  if (reply.ok) return reply;
  const body = await reply.json().catch(() => ({}));
  if (reply.status === 401) throw new Refused("Reload Airflow and log in again.", "Your login has ended");
  const title = reply.status === 404 ? "There is nothing to show" : undefined;
  throw new Refused(typeof body.detail === "string" ? body.detail : `The server answered ${reply.status}.`, title);
}

// Of several requests under way only the newest one counts: who waits for an older one gets neither its outcome nor its error.
export function newestOnly() {
  let newest;
  return (request) => new Promise((resolve, reject) => {
    newest = request;
    request.then((found) => newest === request && resolve(found), (error) => newest === request && reject(error));
  });
}

export function showError(error) {
  show(
    make("div", { class: "verdict", role: "alert" },
      make("div", { class: "sign bad", "aria-hidden": "true" }, "!"),
      make("div", {}, make("h1", {}, error.title ?? "The lake cannot be read"), make("p", {}, error.message))),
  );
}

// A link to another page of Airflow. The frame of this page may not navigate the window; a link of the window may.
export function airflowLink(path, text) {
  const href = new URL(`../${path}`, document.baseURI).href;
  return make("a", { href, onclick: (event) => {
    if (window.parent === window) return;
    event.preventDefault();
    const link = window.parent.document.createElement("a");
    link.href = href;
    link.click();
  } }, text);
}

// Airflow keeps its theme as a class of its own page. Outside of Airflow the system's setting counts.
function followTheme() {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const outer = window.parent === window ? null : window.parent.document.documentElement;
  const apply = () => {
    const chosen = outer && ["dark", "light"].find((name) => outer.classList.contains(name));
    document.documentElement.dataset.theme = chosen || (system.matches ? "dark" : "light");
  };
  apply();
  system.addEventListener("change", apply);
  if (outer) new MutationObserver(apply).observe(outer, { attributes: true, attributeFilter: ["class"] });
}

followTheme();
