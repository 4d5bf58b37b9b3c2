/** Selfie segmentation: a share of person for every pixel. */

import { brush, canvas, toTensor } from "./pixels.js";

/** @typedef {import("./pixels.js").Canvas} Canvas */

// Shares below the first are background, above the second person; between them edges are soft.
const EDGE = [0.25, 0.75];

export const effects = [
  { id: "tint", name: "Tint" },
  { id: "blur", name: "Blur background" },
  { id: "studio", name: "Replace background" },
];

/**
 * @param {Canvas} picture
 * @param {import("./index.js").Ports} ports
 */
export function prepare(picture, ports) {
  const [{ name, shape }] = ports.inputs;
  return { [name]: toTensor(picture, shape[2], shape[1]) };
}

/**
 * The mask as a small canvas whose opacity is the share of person.
 *
 * @param {Record<string, Float32Array>} outputs
 * @param {import("./index.js").Ports} ports
 * @returns {{mask: OffscreenCanvas, cover: number}}
 */
export function decode(outputs, ports) {
  const [{ name, shape }] = ports.outputs;
  const shares = outputs[name];
  const image = new ImageData(shape[2], shape[1]);
  let cover = 0;
  for (let i = 0; i < shares.length; i++) {
    const t = Math.min(1, Math.max(0, (shares[i] - EDGE[0]) / (EDGE[1] - EDGE[0])));
    image.data[4 * i + 3] = 255 * t * t * (3 - 2 * t);
    if (shares[i] > 0.5) cover++;
  }
  const mask = canvas(shape[2], shape[1]);
  brush(mask).putImageData(image, 0, 0);
  return { mask, cover: cover / shares.length };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Canvas} picture
 * @param {ReturnType<typeof decode>} result
 * @param {import("./index.js").Options} options
 */
export function draw(context, picture, result, options) {
  const { width, height } = picture;
  if (options.effect === "tint") {
    context.drawImage(picture, 0, 0);
    const tint = cut(result.mask, width, height, (c) => {
      const shade = c.createLinearGradient(0, 0, width, height);
      shade.addColorStop(0, "#ff8a5c");
      shade.addColorStop(1, "#b52ad1");
      c.fillStyle = shade;
      c.fillRect(0, 0, width, height);
    });
    context.globalAlpha = 0.6;
    context.drawImage(tint, 0, 0);
    context.globalAlpha = 1;
    return;
  }
  if (options.effect === "blur") {
    // Drawn a little larger, since a blur fades out at the border.
    const radius = Math.max(width, height) / 48;
    context.filter = `blur(${radius}px)`;
    context.drawImage(picture, -2 * radius, -2 * radius, width + 4 * radius, height + 4 * radius);
    context.filter = "none";
  } else {
    const backdrop = context.createRadialGradient(
      width / 2, height * 0.4, 0, width / 2, height * 0.4, Math.hypot(width, height) * 0.6,
    );
    backdrop.addColorStop(0, "#ffe3c2");
    backdrop.addColorStop(0.55, "#f39a7c");
    backdrop.addColorStop(1, "#5d3a70");
    context.fillStyle = backdrop;
    context.fillRect(0, 0, width, height);
  }
  context.drawImage(cut(result.mask, width, height, (c) => c.drawImage(picture, 0, 0)), 0, 0);
}

/**
 * What `paint` draws, where the mask is.
 *
 * @param {OffscreenCanvas} mask
 * @param {number} width
 * @param {number} height
 * @param {(context: OffscreenCanvasRenderingContext2D) => void} paint
 */
function cut(mask, width, height, paint) {
  const layer = canvas(width, height);
  const context = brush(layer);
  paint(context);
  context.globalCompositeOperation = "destination-in";
  context.imageSmoothingQuality = "high";
  context.drawImage(mask, 0, 0, width, height);
  return layer;
}

/** @param {ReturnType<typeof decode>} result */
export const summary = ({ cover }) =>
  cover < 0.005 ? "Nobody found" : `People fill ${(100 * cover).toFixed(0)}% of the picture`;
