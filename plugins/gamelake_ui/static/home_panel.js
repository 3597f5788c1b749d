// A panel on Airflow's Home: last night in one line, and the strip. Airflow loads this file and calls the function
// with its own React. The panel takes the colours of Airflow's page.
globalThis.AirflowPlugin = function LastNightPanel() {
  const React = globalThis.React;
  const make = React.createElement;
  const [report, setReport] = React.useState(null);
  const [problem, setProblem] = React.useState(null);
  React.useEffect(() => {
    fetch(new URL("gamelake/api/nights", document.baseURI))
      .then(async (reply) => (reply.ok ? reply.json() : Promise.reject(new Error((await reply.json()).detail))))
      .then(setReport)
      .catch((error) => setProblem(String(error.message)));
  }, []);

  const STATES = {
    complete: ["✓", "is complete", "#0f8a67"],
    warning: ["!", "is complete, with warnings", "#b27400"],
    running: ["…", "is still running", "#2563c9"],
    incomplete: ["✕", "is incomplete", "#c8372b"],
    missed: ["✕", "was missed", "#c8372b"],
    before: ["·", "has no load", "#7b8494"],
  };
  const box = { border: "1px solid rgba(128, 128, 128, 0.35)", borderRadius: "8px", padding: "12px 16px", margin: "8px 0" };
  if (problem) return make("section", { style: box }, `Last night: the lake cannot be read. ${problem}`);
  if (!report) return make("section", { style: box, "aria-busy": true }, "Last night: reading the lake …");

  const { night, marks } = report;
  const [sign, words, colour] = STATES[night.status];
  const loaded = night.loads.filter((load) => load.commit).length;
  const at = (moment) => new Date(moment).toLocaleTimeString("en-GB", { timeZone: "Asia/Seoul", hour: "2-digit", minute: "2-digit" });
  const parts = [`${loaded} of ${night.loads.length} tables`];
  if (night.marts.published_at) parts.push(`marts published at ${at(night.marts.published_at)} Korean time`);
  else if (night.marts.note) parts.push(night.marts.note);
  if (night.warnings.length) parts.push(`${night.warnings.length} to look at`);
  const square = (mark) => make("span", {
    key: mark.day,
    title: `${mark.day}: ${STATES[mark.status][1]}${mark.reason ? `, ${mark.reason}` : ""}`,
    style: {
      background: STATES[mark.status][2], color: "#ffffff", borderRadius: "3px", flex: "1 1 10px", maxWidth: "22px", height: "20px",
      fontSize: "12px", lineHeight: "20px", textAlign: "center", opacity: mark.status === "before" ? 0.35 : 1,
    },
  }, STATES[mark.status][0]);
  return make("section", { style: box, "aria-label": "Last night" },
    make("div", { style: { display: "flex", flexWrap: "wrap", gap: "4px 12px", alignItems: "baseline" } },
      make("a", { href: new URL("plugin/last-night", document.baseURI).pathname, style: { fontWeight: 700 } },
        make("span", { "aria-hidden": true, style: { color: colour, marginRight: "6px" } }, sign), `Last night ${words}`),
      make("span", { style: { opacity: 0.8, fontSize: "14px" } }, `${night.day} · ${parts.join(" · ")}`)),
    make("div", { style: { display: "flex", gap: "3px", marginTop: "8px" }, "aria-hidden": true }, ...marks.map(square)));
};
