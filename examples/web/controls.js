/** What the visitor can do: buttons, keys, files that are dropped or pasted. */

import { address } from "./models.js";
import { tasks } from "./tasks/index.js";
import { element } from "./timeline.js";

/** @typedef {import("./models.js").Index} Index */
/** @typedef {import("./tasks/index.js").Task} Task */

/**
 * @typedef {object} Actions
 * @property {(task: Task) => void} choose
 * @property {(from: string | Blob) => void} open
 * @property {() => void} camera
 * @property {() => void} compare
 * @property {() => void} save
 * @property {(sorted: boolean) => void} sort
 */

/** @type {(id: string) => any} */
export const at = (id) => document.getElementById(id);

/**
 * One radio button a task, greyed out where it has no model.
 *
 * @param {Index} index
 * @param {Task} chosen
 * @param {Actions} actions
 */
export function makeTasks(index, chosen, actions) {
  for (const [number, task] of tasks.entries()) {
    const entry = index.tasks[task.id];
    const label = element("label", "task");
    const input = Object.assign(document.createElement("input"), {
      type: "radio", name: "task", value: task.id, className: "unseen",
      disabled: !entry, checked: task === chosen,
    });
    input.addEventListener("change", () => actions.choose(task));
    label.title = entry ? `${entry.model} (${number + 1})` : "prepare.py found no model for this";
    label.append(input, element("b", "", task.name));
    label.append(element("small", "", entry ? task.hint : "no model here"));
    at("tasks").append(label);
  }
}

/**
 * One button a sample.
 *
 * @param {Index} index
 * @param {Actions} actions
 */
export function makeSamples(index, actions) {
  for (const { file, name } of index.images) {
    const button = element("button", "sample");
    Object.assign(button, { type: "button", title: name });
    button.setAttribute("aria-label", `Sample: ${name}`);
    button.append(Object.assign(new Image(), { src: address(file), alt: "" }));
    button.addEventListener("click", () => {
      press(button);
      actions.open(address(file));
    });
    at("samples").append(button);
  }
  press(null);
}

/** @param {Element | null} sample the one that is shown */
export function press(sample) {
  for (const other of at("samples").children) {
    other.setAttribute("aria-pressed", String(other === sample));
  }
}

/** @param {Actions} actions */
export function listen(actions) {
  /** @param {Blob | undefined | null} file */
  const use = (file) => {
    if (!file) return;
    press(null);
    actions.open(file);
  };
  at("file").addEventListener("change", () => {
    use(at("file").files[0]);
    at("file").value = "";
  });
  at("camera").addEventListener("click", actions.camera);
  at("compare").addEventListener("click", () => actions.compare());
  at("save").addEventListener("click", actions.save);
  at("by-order").addEventListener("click", () => actions.sort(false));
  at("by-time").addEventListener("click", () => actions.sort(true));
  document.addEventListener("paste", (event) => use(event.clipboardData?.files[0]));
  document.addEventListener("keydown", shortcut);
  listenToDrops(use);
}

/** @param {(file: Blob | undefined) => void} use */
function listenToDrops(use) {
  /** @type {(event: DragEvent, on: boolean) => void} */
  const over = (event, on) => {
    event.preventDefault();
    at("stage").classList.toggle("over", on);
  };
  document.addEventListener("dragover", (event) => over(event, true));
  document.addEventListener("dragleave", (event) => over(event, event.relatedTarget !== null));
  document.addEventListener("drop", (event) => {
    over(event, false);
    use(event.dataTransfer?.files[0]);
  });
}

/** @param {KeyboardEvent} event */
function shortcut(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  const task = at("tasks").querySelectorAll("input")[Number(key) - 1];
  if (task) task.click();
  else if (key === "c") at("camera").click();
  else if (key === "o") at("compare").click();
  else if (key === "s") at("save").click();
}

/** The button that switches between light and dark; the choice is kept. */
export function listenToTheme() {
  const root = document.documentElement;
  const kept = localStorage.getItem("theme");
  if (kept) root.dataset.theme = kept;
  at("theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme ?? (dark ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
  });
}
