/** The tasks of the page: each prepares a model's inputs, decodes its outputs and draws them. */

import * as faces from "./faces.js";
import * as labels from "./labels.js";
import * as selfie from "./selfie.js";
import * as style from "./style.js";

/** @typedef {{name: string, shape: number[], dtype: string}} Port */
/** @typedef {{inputs: Port[], outputs: Port[]}} Ports */
/** @typedef {{effect: string, style: string, strength: number}} Options what the visitor chose */

/**
 * @typedef {object} Task
 * @property {string} id as in bundles/index.json
 * @property {string} name
 * @property {string} hint what it needs, in a few words
 * @property {(picture: HTMLCanvasElement, ports: Ports, options: Options) => Record<string, Float32Array>} prepare
 * @property {(outputs: Record<string, Float32Array>, ports: Ports, picture: HTMLCanvasElement, names: string[]) => any} decode
 * @property {(context: CanvasRenderingContext2D, picture: HTMLCanvasElement, result: any, options: Options) => void} draw
 * @property {(result: any, options: Options) => string} summary
 */

/** @type {Task[]} */
export const tasks = [
  { id: "selfie", name: "Segment", hint: "people and background", ...selfie },
  { id: "faces", name: "Detect faces", hint: "boxes and six points", ...faces },
  { id: "labels", name: "Classify", hint: "one of 1,000 things", ...labels },
  { id: "style", name: "Paint", hint: "in another style", ...style },
];
