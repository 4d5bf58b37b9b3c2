package org.tensorflow.lite;

import java.nio.ByteBuffer;

/** A tensor of an interpreter. */
public class Tensor {
  int[] shape = {};
  int bytes = 4;
  ByteBuffer data;

  Tensor() {}

  public int[] shape() {
    return shape.clone();
  }

  public int numBytes() {
    return bytes;
  }

  public ByteBuffer asReadOnlyBuffer() {
    return data.asReadOnlyBuffer();
  }
}
