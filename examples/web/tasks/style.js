/** Style transfer: the picture, painted by a network whose second input says how. */

import { brush, canvas, toTensor } from "./pixels.js";
import { styles } from "./styles.js";

/** @typedef {import("./pixels.js").Canvas} Canvas */

export { styles };

/**
 * @param {Canvas} picture
 * @param {import("./index.js").Ports} ports
 * @param {import("./index.js").Options} options
 */
export function prepare(picture, ports, options) {
  const [content, style] = contentAndStyle(ports);
  const chosen = styles.find((s) => s.id === options.style) ?? styles[0];
  return {
    [content.name]: toTensor(picture, content.shape[2], content.shape[1]),
    [style.name]: Float32Array.from(chosen.vector),
  };
}

/**
 * The input with three channels is the picture, the other the style.
 *
 * @param {import("./index.js").Ports} ports
 */
function contentAndStyle({ inputs }) {
  return [...inputs].sort((a, b) => a.shape[3] - b.shape[3]);
}

/**
 * @param {Record<string, Float32Array>} outputs
 * @param {import("./index.js").Ports} ports
 * @returns {OffscreenCanvas}
 */
export function decode(outputs, ports) {
  const [{ name, shape }] = ports.outputs;
  const values = outputs[name];
  const image = new ImageData(shape[2], shape[1]);
  for (let i = 0, j = 0; j < values.length; i += 4, j += 3) {
    image.data[i] = 255 * values[j];
    image.data[i + 1] = 255 * values[j + 1];
    image.data[i + 2] = 255 * values[j + 2];
    image.data[i + 3] = 255;
  }
  const made = canvas(shape[2], shape[1]);
  brush(made).putImageData(image, 0, 0);
  return made;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Canvas} picture
 * @param {OffscreenCanvas} painted
 * @param {import("./index.js").Options} options
 */
export function draw(context, picture, painted, options) {
  context.drawImage(picture, 0, 0);
  context.globalAlpha = options.strength / 100;
  context.imageSmoothingQuality = "high";
  context.drawImage(painted, 0, 0, picture.width, picture.height);
  context.globalAlpha = 1;
}

/**
 * @param {OffscreenCanvas} painted
 * @param {import("./index.js").Options} options
 */
export const summary = (painted, options) =>
  `Painted at ${painted.width} × ${painted.height} as “${styles.find((s) => s.id === options.style)?.name}”`;
