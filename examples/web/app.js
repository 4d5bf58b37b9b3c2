/** The page: what the visitor chose, and a loop that runs the chosen model on the chosen picture. */

import { at, listen, listenToTheme, makeSamples, makeTasks, press } from "./controls.js";
import { openDevice, Unavailable } from "./gpu.js";
import { loadModel, readIndex } from "./models.js";
import { Camera, openPicture } from "./source.js";
import { fail, notice, showDispatches, showLatency, showModel, showRate, sort } from "./status.js";
import { tasks } from "./tasks/index.js";
import { styles } from "./tasks/styles.js";
import { showDetails } from "./views.js";

/** @typedef {import("./models.js").Ready} Ready */

// A still picture is analysed again for steadier times, but not once it took so many ms.
const REPEATS = 5;
const PATIENCE = 1000;
// Frames of the camera between two measurements of each dispatch.
const FRAMES = 60;

const state = {
  task: tasks[0],
  /** @type {HTMLCanvasElement | null} */
  picture: null,
  /** @type {Camera | null} */
  camera: null,
  /** @type {any} what the task found in the picture that is shown */
  result: null,
  original: false,
  options: { effect: "tint", style: styles[0].id, strength: 85 },
};

/** @type {{device: GPUDevice, name: string, timed: boolean}} */
let gpu;
/** @type {import("./models.js").Index} */
let index;
/** @type {string[]} */
let names = [];
/** @type {Map<string, Promise<Ready>>} */
const models = new Map();
// The number of the newest request: older ones give up. Requests run one after the other.
let newest = 0;
let queue = Promise.resolve();

/** Runs the task again: its picture, model or input has changed. */
function update() {
  delete at("stage").dataset.measured;
  const mine = ++newest;
  queue = queue.then(() => (mine === newest ? work(mine) : undefined)).catch(fail);
}

/** @param {number} mine the request's number */
async function work(mine) {
  if (!state.picture && !state.camera) {
    notice("empty", "Pick a picture", "Open one, drop or paste it here, or turn the camera on.");
    return;
  }
  const { task } = state;
  const model = await ready(task.id);
  if (mine !== newest) return;
  showModel(model);
  if (state.camera) await follow(state.camera, task, model, mine);
  else await once(task, model, mine);
}

/**
 * The model of a task, loaded when first asked for.
 *
 * @param {string} id
 */
function ready(id) {
  let model = models.get(id);
  if (!model) {
    model = loadModel(id, index.tasks[id], gpu.device, (share, stage) => notice("busy", stage, "", share));
    models.set(id, model);
    model.catch(() => models.delete(id));
  }
  return model;
}

/**
 * One run: from the picture to what the task found in it, and the latency in ms.
 *
 * @param {import("./tasks/index.js").Task} task
 * @param {Ready} ready
 * @param {HTMLCanvasElement} picture
 */
async function analyse(task, { model, ports }, picture) {
  const inputs = task.prepare(picture, ports, state.options);
  const before = performance.now();
  const outputs = await model.run(inputs);
  const latency = performance.now() - before;
  return { inputs, latency, result: task.decode(outputs, ports, picture, names) };
}

/**
 * Analyses a still picture, shows what was found, then measures.
 *
 * @param {import("./tasks/index.js").Task} task
 * @param {Ready} model
 * @param {number} mine
 */
async function once(task, model, mine) {
  const picture = /** @type {HTMLCanvasElement} */ (state.picture);
  notice("busy", "Running", "", null);
  const until = performance.now() + PATIENCE;
  const { inputs, latency, result } = await analyse(task, model, picture);
  if (mine !== newest) return;
  show(picture, result);
  showLatency(latency);
  let best = latency;
  let times = await profile(model, inputs);
  for (let i = 0; mine === newest && i < REPEATS && performance.now() < until; i++) {
    best = Math.min(best, (await analyse(task, model, picture)).latency);
    const more = await profile(model, inputs);
    times = times.map((t, n) => (t.milliseconds < more[n].milliseconds ? t : more[n]));
  }
  if (mine !== newest) return;
  showLatency(best);
  showDispatches(times);
  at("stage").dataset.measured = task.id;
}

/**
 * The time of each dispatch, none where the device can't tell.
 *
 * @param {Ready} ready
 * @param {Record<string, Float32Array>} inputs
 * @returns {Promise<import("./timeline.js").Time[]>}
 */
const profile = async ({ model }, inputs) => (gpu.timed ? model.profile(inputs) : []);

/**
 * Analyses the camera's frames until something else is asked for.
 *
 * @param {Camera} camera
 * @param {import("./tasks/index.js").Task} task
 * @param {Ready} model
 * @param {number} mine
 */
async function follow(camera, task, model, mine) {
  let [rate, last, frame] = [0, performance.now(), 0];
  while (mine === newest) {
    if (!(await camera.next())) continue;
    const { inputs, latency, result } = await analyse(task, model, camera.picture);
    if (mine !== newest) return;
    show(camera.picture, result);
    if (frame++ % FRAMES === 0) showDispatches(await profile(model, inputs));
    const now = performance.now();
    rate = rate ? 0.9 * rate + 100 / (now - last) : 1000 / (now - last);
    last = now;
    showLatency(latency);
    showRate(rate);
  }
}

/**
 * @param {HTMLCanvasElement} picture
 * @param {any} result
 */
function show(picture, result) {
  state.picture = picture;
  state.result = result;
  const text = state.task.summary(result, state.options);
  if (at("summary").textContent !== text) at("summary").textContent = text;
  showDetails(at("details"), state.task.id, result, state.options, change);
  redraw();
  Object.assign(at("stage").dataset, { state: "shown", task: state.task.id });
  for (const id of ["compare", "save"]) at(id).disabled = false;
}

/** @type {import("./views.js").Change} */
function change(changed, again) {
  Object.assign(state.options, changed);
  if (again) update();
  else redraw();
}

/** Draws the picture and what was found in it, or only the picture. */
function redraw() {
  const { picture, result, task } = state;
  if (!picture || result === null) return;
  const canvas = at("canvas");
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    Object.assign(canvas, { width: picture.width, height: picture.height });
  }
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (state.original) context.drawImage(picture, 0, 0);
  else task.draw(context, picture, result, state.options);
  canvas.setAttribute("aria-label", `The picture. ${at("summary").textContent}`);
}

/** @param {unknown} error */
const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/** @param {string | Blob} from an address or a file */
async function open(from) {
  stopCamera();
  const mine = ++newest;
  try {
    const picture = await openPicture(from);
    if (mine !== newest) return;
    Object.assign(state, { picture, result: null });
    showOriginal(false);
    update();
  } catch (error) {
    fail(new Unavailable(messageOf(error), "Pick another one."));
  }
}

async function toggleCamera() {
  if (state.camera) {
    stopCamera();
    update();
    return;
  }
  const camera = new Camera();
  at("camera").disabled = true;
  try {
    notice("busy", "Waiting for the camera", "", null);
    await camera.open();
    press(null);
    state.camera = camera;
    at("camera").setAttribute("aria-pressed", "true");
    update();
  } catch (error) {
    const advice = "Check the site's permissions, or open a picture instead.";
    fail(new Unavailable(messageOf(error), advice));
  } finally {
    at("camera").disabled = false;
  }
}

/** Stops the camera; its last frame stays as the picture. */
function stopCamera() {
  state.camera?.close();
  state.camera = null;
  at("camera").setAttribute("aria-pressed", "false");
  showRate(null);
}

/** @param {import("./tasks/index.js").Task} task */
function choose(task) {
  Object.assign(state, { task, result: null });
  at("summary").textContent = "–";
  at("details").replaceChildren();
  showOriginal(false);
  history.replaceState(null, "", `#${task.id}`);
  update();
}

/** @param {boolean} original */
function showOriginal(original) {
  state.original = original;
  at("compare").setAttribute("aria-pressed", String(original));
  redraw();
}

async function save() {
  const blob = await new Promise((done) => at("canvas").toBlob(done));
  const link = Object.assign(document.createElement("a"), {
    href: URL.createObjectURL(blob), download: `${state.task.id}.png`,
  });
  link.click();
  URL.revokeObjectURL(link.href);
}

async function start() {
  listenToTheme();
  ({ index, names } = await readIndex());
  const there = tasks.filter((t) => t.id in index.tasks);
  if (!there.length) {
    throw new Unavailable("prepare.py found no models.", "Give it a folder that has some: see README.md.");
  }
  gpu = await openDevice();
  at("device").querySelector("span").textContent = gpu.name;
  at("device").hidden = false;
  gpu.device.lost.then(({ message }) =>
    fail(new Unavailable("The graphics card went away.", `Reload the page. ${message}`)),
  );
  state.task = there.find((t) => `#${t.id}` === location.hash) ?? there[0];
  const compare = () => showOriginal(!state.original);
  /** @type {import("./controls.js").Actions} */
  const actions = { choose, open, camera: toggleCamera, compare, save, sort };
  makeTasks(index, state.task, actions);
  makeSamples(index, actions);
  listen(actions);
  new ResizeObserver(redraw).observe(at("stage"));
  document.body.classList.add("ready");
  const first = at("samples").firstElementChild;
  if (first) first.click();
  else update();
}

start().catch(fail);
