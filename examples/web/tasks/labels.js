/** MobileNet v1: what the middle of the picture shows, of ImageNet's thousand classes. */

import { middle, toTensor } from "./pixels.js";

/** @typedef {import("./pixels.js").Canvas} Canvas */
/** @typedef {{number: number, name: string, share: number}} Label */

const TOP = 5;

/**
 * @param {Canvas} picture
 * @param {import("./index.js").Ports} ports
 */
export function prepare(picture, ports) {
  const [{ name, shape }] = ports.inputs;
  const from = middle(picture, shape[2] / shape[1]);
  return { [name]: toTensor(picture, shape[2], shape[1], { scale: 1 / 127.5, bias: -1, from }) };
}

/**
 * @param {Record<string, Float32Array>} outputs
 * @param {import("./index.js").Ports} ports
 * @param {Canvas} picture
 * @param {string[]} names of the classes, none where they aren't known
 * @returns {Label[]} likeliest first
 */
export function decode(outputs, ports, picture, names) {
  const shares = outputs[ports.outputs[0].name];
  const order = Array.from(shares.keys()).sort((a, b) => shares[b] - shares[a]);
  return order.slice(0, TOP).map((number) => ({
    number,
    name: names[number]?.split(",")[0] ?? `class ${number}`,
    share: shares[number],
  }));
}

/**
 * The picture, darker around what the model saw.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Canvas} picture
 */
export function draw(context, picture) {
  context.drawImage(picture, 0, 0);
  const box = middle(picture, 1);
  context.beginPath();
  context.rect(0, 0, picture.width, picture.height);
  context.rect(box.x, box.y, box.width, box.height);
  context.fillStyle = "rgb(0 0 0 / 45%)";
  context.fill("evenodd");
}

/** @param {Label[]} labels */
export const summary = ([best]) => `${best.name}, ${(100 * best.share).toFixed(0)}%`;
