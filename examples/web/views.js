/** The panel beside the picture: what a task found, and what the visitor can choose. */

import { effects } from "./tasks/selfie.js";
import { styles } from "./tasks/styles.js";
import { element } from "./timeline.js";

/** @typedef {import("./tasks/index.js").Options} Options */
/** @typedef {(changed: Partial<Options>, again: boolean) => void} Change `again`: the model has to run again */

/** @type {Record<string, (result: any, options: Options, change: Change) => Node[]>} */
const views = {
  selfie: (_, options, change) => [
    choices("Effect", effects, options.effect, (effect) => change({ effect }, false)),
  ],
  faces: (faces) => (faces.length ? [faceList(faces)] : []),
  labels: (labels) => [labelList(labels)],
  style: (_, options, change) => [
    choices("Style", styles, options.style, (style) => change({ style }, true)),
    slider("Strength", options.strength, (strength) => change({ strength }, false)),
  ],
};

/**
 * Shows a result. Controls are kept while the task is the same, so that they keep the focus.
 *
 * @param {HTMLElement} place
 * @param {string} task
 * @param {any} result
 * @param {Options} options
 * @param {Change} change
 */
export function showDetails(place, task, result, options, change) {
  if (place.dataset.task === task && place.querySelector("input")) return;
  place.dataset.task = task;
  place.replaceChildren(...views[task](result, options, change));
}

/** @param {import("./tasks/labels.js").Label[]} labels */
function labelList(labels) {
  const list = element("ol", "labels");
  for (const { number, name, share } of labels) {
    const item = element("li");
    item.dataset.number = String(number);
    const text = element("span", "", name);
    text.append(element("small", "", `#${number}`));
    item.append(text, element("b", "", `${(100 * share).toFixed(1)}%`), bar(share));
    list.append(item);
  }
  return list;
}

/** @param {import("./tasks/faces.js").Face[]} faces */
function faceList(faces) {
  const list = element("ol", "labels");
  for (const [number, { score, box }] of faces.entries()) {
    const item = element("li");
    const [x, y, width, height] = [box.x, box.y, box.width, box.height].map(Math.round);
    item.dataset.box = [x, y, width, height].join(" ");
    const text = element("span", "", `Face ${number + 1}`);
    text.append(element("small", "", `${width} × ${height} at ${x}, ${y}`));
    item.append(text, element("b", "", `${(100 * score).toFixed(0)}%`), bar(score));
    list.append(item);
  }
  return list;
}

/** @param {number} share */
function bar(share) {
  const made = element("i");
  made.style.setProperty("--share", `${100 * share}%`);
  return made;
}

/**
 * @param {string} name
 * @param {{id: string, name: string, swatch?: string}[]} items
 * @param {string} chosen
 * @param {(id: string) => void} change
 */
function choices(name, items, chosen, change) {
  const group = element("fieldset", "choices");
  group.append(element("legend", "unseen", name));
  for (const { id, name: text, swatch } of items) {
    const label = element("label", "choice");
    const input = Object.assign(document.createElement("input"), {
      type: "radio", name, value: id, checked: id === chosen, className: "unseen",
    });
    input.addEventListener("change", () => change(id));
    label.append(input);
    if (swatch) {
      const dot = element("i", "swatch");
      dot.style.background = swatch;
      label.append(dot);
    }
    label.append(text);
    group.append(label);
  }
  return group;
}

/**
 * @param {string} name
 * @param {number} value in per cent
 * @param {(value: number) => void} change
 */
function slider(name, value, change) {
  const label = element("label", "slider");
  const shown = element("output", "", `${value}%`);
  const input = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 100, value });
  input.addEventListener("input", () => {
    shown.textContent = `${input.value}%`;
    change(Number(input.value));
  });
  label.append(name, input, shown);
  return label;
}
