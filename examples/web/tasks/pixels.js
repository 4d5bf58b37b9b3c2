/** What all tasks share: pictures to tensors and back. */

/** @typedef {HTMLCanvasElement | OffscreenCanvas} Canvas */
/** @typedef {{x: number, y: number, width: number, height: number}} Box */

/**
 * @param {number} width
 * @param {number} height
 * @returns {OffscreenCanvas}
 */
export const canvas = (width, height) => new OffscreenCanvas(width, height);

/**
 * What draws into a canvas.
 *
 * @param {Canvas} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 */
export const brush = (canvas, settings) =>
  /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", settings));

/**
 * The part of a picture that a model sees, resized to its input: float RGB, row by row.
 *
 * @param {Canvas} picture
 * @param {number} width of the input
 * @param {number} height of the input
 * @param {{scale?: number, bias?: number, from?: Box, to?: Box}} options values are byte·scale + bias;
 *     `from` is a part of the picture, `to` where it goes in the input, which is black around it
 * @returns {Float32Array}
 */
export function toTensor(picture, width, height, options = {}) {
  const { scale = 1 / 255, bias = 0 } = options;
  const from = options.from ?? { x: 0, y: 0, width: picture.width, height: picture.height };
  const to = options.to ?? { x: 0, y: 0, width, height };
  const context = scratch(width, height);
  context.fillStyle = "#000";
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, from.x, from.y, from.width, from.height, to.x, to.y, to.width, to.height);
  const bytes = context.getImageData(0, 0, width, height).data;
  const tensor = new Float32Array(width * height * 3);
  for (let i = 0, j = 0; i < bytes.length; i += 4) {
    tensor[j++] = bytes[i] * scale + bias;
    tensor[j++] = bytes[i + 1] * scale + bias;
    tensor[j++] = bytes[i + 2] * scale + bias;
  }
  return tensor;
}

/** @type {Map<string, OffscreenCanvasRenderingContext2D>} */
const scratches = new Map();

/**
 * A canvas that is read back, one a size.
 *
 * @param {number} width
 * @param {number} height
 */
function scratch(width, height) {
  const key = `${width}x${height}`;
  let context = scratches.get(key);
  if (!context) {
    context = brush(canvas(width, height), { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    scratches.set(key, context);
  }
  return context;
}

/**
 * The largest box of the input's proportions in the middle of a picture.
 *
 * @param {Canvas} picture
 * @param {number} aspect width / height
 * @returns {Box}
 */
export function middle(picture, aspect) {
  const width = Math.min(picture.width, picture.height * aspect);
  const height = width / aspect;
  return { x: (picture.width - width) / 2, y: (picture.height - height) / 2, width, height };
}

/**
 * Where a whole picture lies in an input of another shape, with bars at two sides.
 *
 * @param {Canvas} picture
 * @param {number} width
 * @param {number} height
 * @returns {Box}
 */
export function letterbox(picture, width, height) {
  const scale = Math.min(width / picture.width, height / picture.height);
  const box = { width: picture.width * scale, height: picture.height * scale };
  return { x: (width - box.width) / 2, y: (height - box.height) / 2, ...box };
}
