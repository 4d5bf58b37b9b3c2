/** Where pictures come from: files, samples, and the camera. */

import { brush } from "./tasks/pixels.js";

// Larger pictures are drawn smaller: models see 128 to 384 pixels of them anyway.
const LARGEST = 1280;

/**
 * @param {string | Blob} from an address or a file
 * @returns {Promise<HTMLCanvasElement>}
 */
export async function openPicture(from) {
  const blob = typeof from === "string" ? await (await fetch(from)).blob() : from;
  let image;
  try {
    image = await createImageBitmap(blob);
  } catch {
    throw new Error("That file is not a picture that this browser can read.");
  }
  const picture = document.createElement("canvas");
  take(picture, image, image.width, image.height, false);
  image.close();
  return picture;
}

/**
 * Draws an image into a canvas of its size, at most LARGEST.
 *
 * @param {HTMLCanvasElement} picture
 * @param {CanvasImageSource} image
 * @param {number} width
 * @param {number} height
 * @param {boolean} mirrored
 */
function take(picture, image, width, height, mirrored) {
  const scale = Math.min(1, LARGEST / Math.max(width, height));
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (picture.width !== w || picture.height !== h) Object.assign(picture, { width: w, height: h });
  const context = brush(picture);
  context.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? w : 0, 0);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, w, h);
}

/** The camera: a stream of frames, mirrored as in a mirror where it faces the visitor. */
export class Camera {
  #video = document.createElement("video");
  /** @type {MediaStream | null} */
  #stream = null;
  #mirrored = true;
  picture = document.createElement("canvas");

  /** Asks for the camera. Throws with a message for the visitor. */
  async open() {
    if (!navigator.mediaDevices?.getUserMedia) throw new Error("This browser gives no access to a camera.");
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "user", width: { ideal: 960 }, height: { ideal: 720 } },
      });
    } catch (error) {
      const refused = error instanceof DOMException && error.name === "NotAllowedError";
      throw new Error(refused ? "The camera was not allowed." : "No camera could be opened.");
    }
    this.#mirrored = this.#stream.getVideoTracks()[0].getSettings().facingMode !== "environment";
    Object.assign(this.#video, { srcObject: this.#stream, muted: true, playsInline: true });
    await this.#video.play();
  }

  /** Waits for the next frame and draws it into `picture`. */
  async next() {
    await new Promise((done) => requestAnimationFrame(done));
    const { videoWidth, videoHeight } = this.#video;
    if (videoWidth) take(this.picture, this.#video, videoWidth, videoHeight, this.#mirrored);
    return videoWidth > 0;
  }

  close() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
  }
}
