package org.tflgpuc.example;

import face.Model;
import java.util.ArrayList;
import java.util.List;

/** Finds faces in small pictures. Like the model's, all calls belong to one thread. */
final class FaceDetector implements AutoCloseable {
  static final int SIDE = 128;

  /** A face: where it is, as shares of the picture, and how certain the model is. */
  static final class Face {
    final float left;
    final float top;
    final float right;
    final float bottom;
    final float score;

    Face(float x, float y, float width, float height, float score) {
      left = x - width / 2;
      top = y - height / 2;
      right = x + width / 2;
      bottom = y + height / 2;
      this.score = score;
    }

    /** The area that both share, as part of what they cover together. */
    float overlap(Face other) {
      float width = Math.min(right, other.right) - Math.max(left, other.left);
      float height = Math.min(bottom, other.bottom) - Math.max(top, other.top);
      if (width <= 0 || height <= 0) return 0;
      return width * height / (area() + other.area() - width * height);
    }

    private float area() {
      return (right - left) * (bottom - top);
    }
  }

  private static final float LEAST_SCORE = 0.5f;
  private static final float SAME_FACE = 0.3f;
  // The output's rows: so many guesses for every cell of two grids.
  private static final int[][] GRIDS = { {16, 2}, {8, 6} };

  private final Model model;
  private final Model.Inputs in = Model.Inputs.allocate();
  private final Model.Outputs out = Model.Outputs.allocate();

  FaceDetector(Model.Files files) {
    model = new Model(files);
  }

  /** The faces in SIDE x SIDE pixels, as Bitmap.getPixels() gives them. */
  List<Face> detect(int[] pixels) {
    in.input.clear();
    for (int pixel : pixels) {
      for (int shift = 16; shift >= 0; shift -= 8) in.input.put((pixel >> shift & 255) / 127.5f - 1);
    }
    in.input.clear();
    model.run(in, out);

    List<Face> found = new ArrayList<>();
    int row = 0;
    for (int[] grid : GRIDS) {
      for (int cell = 0; cell < grid[0] * grid[0]; cell++) {
        float x = (cell % grid[0] + 0.5f) / grid[0];
        float y = (cell / grid[0] + 0.5f) / grid[0];
        for (int i = 0; i < grid[1]; i++) add(found, row++, x, y);
      }
    }
    return found;
  }

  /** Adds the row's face where it is one, and the best guess so far at that place. */
  private void add(List<Face> found, int row, float x, float y) {
    float score = (float) (1 / (1 + Math.exp(-out.classificators.get(row))));
    if (score < LEAST_SCORE) return;
    Face face = new Face(
        x + out.regressors.get(16 * row) / SIDE,
        y + out.regressors.get(16 * row + 1) / SIDE,
        out.regressors.get(16 * row + 2) / SIDE,
        out.regressors.get(16 * row + 3) / SIDE,
        score);
    for (Face other : found) {
      if (other.overlap(face) > SAME_FACE && other.score >= score) return;
    }
    for (int i = found.size() - 1; i >= 0; i--) {
      if (found.get(i).overlap(face) > SAME_FACE) found.remove(i);
    }
    found.add(face);
  }

  @Override
  public void close() {
    model.close();
  }
}
