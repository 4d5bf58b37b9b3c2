/** What the page says of a run: notices on the stage, numbers, and the times of dispatches. */

import { at } from "./controls.js";
import { Unavailable } from "./gpu.js";
import { duration, showTimes } from "./timeline.js";

/** @typedef {import("./timeline.js").Time} Time */

/** @type {{times: Time[], sorted: boolean}} */
const shown = { times: [], sorted: false };

/**
 * Says on the stage what is going on.
 *
 * @param {"empty" | "busy" | "error"} kind
 * @param {string} title
 * @param {string} advice
 * @param {number | null} [share] of a progress bar, null while unknown; without it there is none
 */
export function notice(kind, title, advice, share) {
  at("stage").dataset.state = kind;
  const box = at("notice");
  box.querySelector(".title").textContent = title;
  box.querySelector(".advice").textContent = advice;
  const progress = box.querySelector(".progress");
  progress.hidden = share === undefined;
  progress.classList.toggle("unknown", share === null);
  progress.firstElementChild.style.width = share == null ? "" : `${100 * share}%`;
  if (share == null) progress.removeAttribute("aria-valuenow");
  else progress.setAttribute("aria-valuenow", String(Math.round(100 * share)));
}

/** @param {any} error with advice for the visitor, or any other */
export function fail(error) {
  if (error instanceof Unavailable) return notice("error", error.message, error.advice);
  console.error(error);
  return notice("error", "That did not work.", String(error?.message ?? error));
}

/** @param {import("./models.js").Ready} ready */
export function showModel({ started, entry }) {
  at("startup").textContent = duration(started);
  const digits = entry.weights > 1e7 ? 0 : 1;
  at("weights").textContent = `${(entry.weights / 2 ** 20).toFixed(digits)} MiB`;
}

/** @param {number} ms */
export function showLatency(ms) {
  at("latency").textContent = duration(ms);
}

/** @param {number | null} rate frames a second, null without a camera */
export function showRate(rate) {
  at("fps").hidden = rate === null;
  if (rate !== null) at("fps").textContent = `${rate.toFixed(rate < 10 ? 1 : 0)} fps`;
}

/** @param {Time[]} times of each dispatch, none where nobody can say */
export function showDispatches(times) {
  shown.times = times;
  const total = times.reduce((sum, t) => sum + t.milliseconds, 0);
  at("gpu-time").textContent = times.length ? duration(total) : "–";
  at("times").hidden = !times.length;
  at("no-times").hidden = times.length > 0;
  at("no-times").textContent = "This browser or graphics card can't time single dispatches.";
  at("times-title").textContent = times.length ? `${times.length} dispatches` : "Dispatches";
  if (!times.length) return;
  const places = { strip: at("strip"), legend: at("legend"), rows: at("rows") };
  showTimes(places, times, shown.sorted);
}

/** @param {boolean} sorted whether the longest dispatch comes first */
export function sort(sorted) {
  shown.sorted = sorted;
  at("by-order").setAttribute("aria-pressed", String(!sorted));
  at("by-time").setAttribute("aria-pressed", String(sorted));
  showDispatches(shown.times);
}
