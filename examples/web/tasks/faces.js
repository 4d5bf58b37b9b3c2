/** Face detection, short range: boxes and six points of each face. */

import { makeAnchors, SHORT_RANGE } from "./anchors.js";
import { letterbox, toTensor } from "./pixels.js";

/** @typedef {import("./pixels.js").Canvas} Canvas */
/** @typedef {import("./pixels.js").Box} Box */
/** @typedef {{score: number, box: Box, points: [number, number][]}} Face in pixels of the picture */

const THRESHOLD = 0.5;
// Boxes that overlap by more are the same face.
const OVERLAP = 0.3;
const POINTS = 6;
const anchors = makeAnchors(SHORT_RANGE);

/**
 * @param {Canvas} picture
 * @param {import("./index.js").Ports} ports
 */
export function prepare(picture, ports) {
  const [{ name, shape }] = ports.inputs;
  const to = letterbox(picture, shape[2], shape[1]);
  return { [name]: toTensor(picture, shape[2], shape[1], { scale: 1 / 127.5, bias: -1, to }) };
}

/**
 * @param {Record<string, Float32Array>} outputs
 * @param {import("./index.js").Ports} ports
 * @param {Canvas} picture
 * @returns {Face[]} best first
 */
export function decode(outputs, ports, picture) {
  const narrowest = [...ports.outputs].sort((a, b) => a.shape[2] - b.shape[2]);
  const [scores, rows] = narrowest.map(({ name }) => outputs[name]);
  const [, height, width] = ports.inputs[0].shape;
  const inside = letterbox(picture, width, height);
  /** @type {(x: number, y: number) => [number, number]} from pixels of the input to the picture's */
  const place = (x, y) => [
    ((x - inside.x) / inside.width) * picture.width,
    ((y - inside.y) / inside.height) * picture.height,
  ];
  /** @type {Face[]} */
  const faces = [];
  for (let i = 0; i < scores.length; i++) {
    const score = 1 / (1 + Math.exp(-scores[i]));
    if (score < THRESHOLD) continue;
    const row = rows.subarray(i * (4 + 2 * POINTS), (i + 1) * (4 + 2 * POINTS));
    const [cx, cy] = [anchors[2 * i] * width, anchors[2 * i + 1] * height];
    const [left, top] = place(cx + row[0] - row[2] / 2, cy + row[1] - row[3] / 2);
    const [right, bottom] = place(cx + row[0] + row[2] / 2, cy + row[1] + row[3] / 2);
    const points = Array.from({ length: POINTS }, (_, k) =>
      place(cx + row[4 + 2 * k], cy + row[5 + 2 * k]),
    );
    faces.push({ score, box: { x: left, y: top, width: right - left, height: bottom - top }, points });
  }
  return suppress(faces);
}

/**
 * Merges boxes of the same face: their mean, weighted by score.
 *
 * @param {Face[]} faces
 * @returns {Face[]}
 */
function suppress(faces) {
  let left = [...faces].sort((a, b) => b.score - a.score);
  const kept = [];
  while (left.length) {
    const best = left[0];
    const same = left.filter((f) => f === best || overlap(best.box, f.box) > OVERLAP);
    left = left.filter((f) => !same.includes(f));
    const total = same.reduce((sum, f) => sum + f.score, 0);
    /** @type {(value: (f: Face) => number) => number} */
    const mean = (value) => same.reduce((sum, f) => sum + value(f) * f.score, 0) / total;
    kept.push({
      score: best.score,
      box: {
        x: mean((f) => f.box.x), y: mean((f) => f.box.y),
        width: mean((f) => f.box.width), height: mean((f) => f.box.height),
      },
      points: best.points.map((_, k) =>
        /** @type {[number, number]} */ ([mean((f) => f.points[k][0]), mean((f) => f.points[k][1])]),
      ),
    });
  }
  return kept;
}

/**
 * Intersection over union.
 *
 * @param {Box} a
 * @param {Box} b
 */
function overlap(a, b) {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  const both = Math.max(0, width) * Math.max(0, height);
  return both / (a.width * a.height + b.width * b.height - both);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Canvas} picture
 * @param {Face[]} faces
 */
export function draw(context, picture, faces) {
  context.drawImage(picture, 0, 0);
  // Lines and text have the same size on the screen, however large the picture is.
  const { clientWidth, clientHeight } = context.canvas;
  const scale = Math.min(clientWidth / picture.width, clientHeight / picture.height);
  const unit = 1 / (scale || 1);
  for (const { box, points, score } of faces) {
    context.lineWidth = 3 * unit;
    context.strokeStyle = "rgb(0 0 0 / 35%)";
    outline(context, box, 10 * unit, 1.5 * unit);
    context.strokeStyle = "#3ee6c8";
    outline(context, box, 10 * unit, 0);
    for (const [x, y] of points) dot(context, x, y, 3.4 * unit);
    tag(context, `${(100 * score).toFixed(0)}%`, box, unit);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Box} box
 * @param {number} radius
 * @param {number} shift
 */
function outline(context, box, radius, shift) {
  context.beginPath();
  context.roundRect(box.x + shift, box.y + shift, box.width, box.height, radius);
  context.stroke();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 */
function dot(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = "#fff";
  context.fill();
  context.lineWidth = radius / 1.7;
  context.strokeStyle = "#0b7d70";
  context.stroke();
}

/**
 * The score, above the box or in it where there is no room above.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {Box} box
 * @param {number} unit
 */
function tag(context, text, box, unit) {
  context.font = `600 ${13 * unit}px ui-sans-serif, system-ui, sans-serif`;
  const [width, height] = [context.measureText(text).width + 14 * unit, 22 * unit];
  const x = Math.max(2 * unit, box.x);
  const y = box.y > height + 6 * unit ? box.y - height - 5 * unit : box.y + 6 * unit;
  context.beginPath();
  context.roundRect(x, y, width, height, 6 * unit);
  context.fillStyle = "#3ee6c8";
  context.fill();
  context.fillStyle = "#04302b";
  context.textBaseline = "middle";
  context.fillText(text, x + 7 * unit, y + height / 2 + unit / 2);
}

/** @param {Face[]} faces */
export const summary = (faces) =>
  faces.length === 0 ? "No face found" : faces.length === 1 ? "1 face" : `${faces.length} faces`;
