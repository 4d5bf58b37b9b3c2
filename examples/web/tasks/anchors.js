/** The anchors of MediaPipe's SSD detectors: centres of the boxes that a network corrects. */

/**
 * @typedef {object} AnchorOptions
 * @property {number} input side of the network's input
 * @property {number[]} strides of the layers; layers of one stride share a grid
 * @property {boolean} extra whether a layer has one more anchor, between its scale and the next
 */

/** @type {AnchorOptions} */
export const SHORT_RANGE = { input: 128, strides: [8, 16, 16, 16], extra: true };

/**
 * Centres as pairs x, y in shares of the input, in the order of the network's rows. All anchors have the
 * size 1: only centres differ.
 *
 * @param {AnchorOptions} options
 * @returns {Float32Array}
 */
export function makeAnchors({ input, strides, extra }) {
  const centres = [];
  for (let layer = 0; layer < strides.length; ) {
    const stride = strides[layer];
    let each = 0;
    for (; strides[layer] === stride; layer++) each += extra ? 2 : 1;
    const side = Math.ceil(input / stride);
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++)
        for (let k = 0; k < each; k++) centres.push((x + 0.5) / side, (y + 0.5) / side);
  }
  return Float32Array.from(centres);
}
