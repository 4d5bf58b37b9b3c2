package org.tflgpuc.example;

import face.Model;
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.file.Files;

/** Runs the example's detector on a desktop: FOLDER PIXELS; prints a line a face. */
final class FindFaces {
  public static void main(String[] arguments) throws Exception {
    int[] pixels = new int[FaceDetector.SIDE * FaceDetector.SIDE];
    ByteBuffer.wrap(Files.readAllBytes(new File(arguments[1]).toPath())).asIntBuffer().get(pixels);
    Model.HeadlessContext context = new Model.HeadlessContext();
    try (FaceDetector detector = new FaceDetector(Model.directory(new File(arguments[0])))) {
      for (FaceDetector.Face face : detector.detect(pixels)) {
        System.out.println(face.left + " " + face.top + " " + face.right + " " + face.bottom);
      }
    } finally {
      context.close();
    }
  }
}
