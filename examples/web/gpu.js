/** The browser's GPU, or why there is none. */

/** An error whose message is for the visitor, with advice. */
export class Unavailable extends Error {
  /**
   * @param {string} message
   * @param {string} advice
   */
  constructor(message, advice) {
    super(message);
    this.advice = advice;
  }
}

const ADVICE =
  "A recent Chrome, Edge, Safari or Firefox should do. On Linux, Chrome may need " +
  "chrome://flags/#enable-unsafe-webgpu.";

/**
 * @returns {Promise<{device: GPUDevice, name: string, timed: boolean}>} `timed`: whether it can time dispatches
 * @throws {Unavailable}
 */
export async function openDevice() {
  if (!window.isSecureContext) {
    throw new Unavailable(
      "WebGPU needs a secure page.",
      "Open it over https, or from http://localhost on this machine.",
    );
  }
  if (!navigator.gpu) throw new Unavailable("This browser has no WebGPU.", ADVICE);
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Unavailable("WebGPU found no graphics card to use.", ADVICE);
  const features = /** @type {GPUFeatureName[]} */ (["timestamp-query", "shader-f16"]);
  const device = await adapter.requestDevice({
    requiredFeatures: features.filter((f) => adapter.features.has(f)),
  });
  return { device, name: describe(adapter.info), timed: device.features.has("timestamp-query") };
}

/** @param {GPUAdapterInfo} info */
function describe({ description, vendor, architecture, device }) {
  const parts = [vendor, architecture || device].filter(Boolean);
  return description || parts.join(" ") || "WebGPU device";
}
