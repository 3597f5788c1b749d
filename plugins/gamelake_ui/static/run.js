import { ask, longDay, make, show, showError } from "./common.js";
import { loadFacts, martsFacts, tableOf, warningList } from "./facts.js";

async function start() {
  const asked = new URLSearchParams(location.search);
  try {
    const run = await ask(`api/runs?${new URLSearchParams({ dag_id: asked.get("dag_id") ?? "", run_id: asked.get("run_id") ?? "" })}`);
    const what = run.load ? `Load of ${tableOf(run.load)}` : run.marts ? "Marts" : "This run in the lake";
    show(
      make("h1", {}, what),
      run.night ? make("p", { class: "quiet" }, longDay(run.night)) : null,
      run.note ? make("p", {}, run.note) : null,
      warningList("To look at", run.warnings),
      run.load ? loadFacts(run.load, run.night) : null,
      run.marts ? martsFacts(run.marts, run.night) : null,
      run.night ? make("p", {}, make("a", { href: `last-night?day=${run.night}` }, "The whole night")) : null,
      make("p", { class: "quiet small" }, "Every figure comes from the manifests and publications of the lake."),
    );
  } catch (error) {
    showError(error);
  }
}

start();
