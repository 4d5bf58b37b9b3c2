/** The bundles that prepare.py made: what there is, and models ready to run. */

import { Unavailable } from "./gpu.js";

const BUNDLES = new URL("./bundles/", import.meta.url);

/**
 * @typedef {object} Entry
 * @property {string} model
 * @property {string} module
 * @property {number} weights bytes
 * @property {number} dispatches
 * @property {number} programs
 * @property {number} macs
 */
/** @typedef {{tasks: Record<string, Entry>, images: {file: string, name: string}[], labels: string | null}} Index */
/** @typedef {{model: any, ports: import("./tasks/index.js").Ports, entry: Entry, started: number}} Ready */

/**
 * @returns {Promise<{index: Index, names: string[]}>} `names` of the classes
 * @throws {Unavailable} where prepare.py hasn't run
 */
export async function readIndex() {
  const answer = await fetch(new URL("index.json", BUNDLES)).catch(() => null);
  if (!answer?.ok) {
    throw new Unavailable(
      "There are no models here yet.",
      "Run “python prepare.py MODELS” in the folder of this page, then reload it.",
    );
  }
  /** @type {Index} */
  const index = await answer.json();
  if (!index.labels) return { index, names: [] };
  const labels = await fetch(new URL(index.labels, BUNDLES));
  return { index, names: labels.ok ? (await labels.text()).trimEnd().split("\n") : [] };
}

/** @param {string} file of the index */
export const address = (file) => new URL(file, BUNDLES).href;

/**
 * @param {string} task
 * @param {Entry} entry
 * @param {GPUDevice} device
 * @param {(share: number | null, stage: string) => void} progress null while nobody can say
 * @returns {Promise<Ready>} `started` is what creating took in ms, without the download
 */
export async function loadModel(task, entry, device, progress) {
  const base = new URL(`${task}/`, BUNDLES);
  // The host fetches the weights itself, from the browser's cache then; this is for the progress bar.
  await download(new URL("weights.bin", base), entry.weights, (share) => progress(share, "Loading weights"));
  progress(null, `Compiling ${entry.programs} shaders`);
  const { Model } = await import(new URL(entry.module, BUNDLES).href);
  const before = performance.now();
  const model = await Model.create({ base, device });
  const started = performance.now() - before;
  return { model, entry, started, ports: { inputs: Model.inputs, outputs: Model.outputs } };
}

/**
 * Reads a file to its end.
 *
 * @param {URL} url
 * @param {number} bytes that are expected
 * @param {(share: number) => void} progress
 */
async function download(url, bytes, progress) {
  const answer = await fetch(url);
  if (!answer.ok || !answer.body) throw new Error(`${url.pathname}: ${answer.status} ${answer.statusText}`);
  const reader = answer.body.getReader();
  for (let done = 0; ; ) {
    const part = await reader.read();
    if (part.done) return;
    done += part.value.length;
    progress(Math.min(1, done / bytes));
  }
}
