package org.tensorflow.lite;

import java.nio.ByteBuffer;
import java.util.Map;

/** What hosts call of TensorFlow Lite, with its signatures, for models whose outputs are their inputs. */
public class Interpreter implements AutoCloseable {
  public static class Options {
    public Options setNumThreads(int numThreads) {
      return this;
    }
  }

  private final Tensor[] inputs = {new Tensor(), new Tensor(), new Tensor(), new Tensor()};
  private final Tensor[] outputs = {new Tensor(), new Tensor(), new Tensor(), new Tensor()};

  public Interpreter(ByteBuffer byteBuffer, Options options) {
    if (byteBuffer.get(4) != 'T' || byteBuffer.get(5) != 'F') throw new IllegalArgumentException("no model");
  }

  public void resizeInput(int idx, int[] dims) {
    inputs[idx].shape = dims.clone();
    inputs[idx].bytes = 4;
    for (int n : dims) inputs[idx].bytes *= n;
  }

  public Tensor getInputTensor(int inputIndex) {
    return inputs[inputIndex];
  }

  public Tensor getOutputTensor(int outputIndex) {
    return outputs[outputIndex];
  }

  public void runForMultipleInputsOutputs(Object[] given, Map<Integer, Object> taken) {
    for (int i = 0; i < given.length; i++) {
      ByteBuffer data = (ByteBuffer) given[i];
      if (data.capacity() != inputs[i].bytes) throw new IllegalArgumentException("a buffer of another size");
      outputs[i].shape = inputs[i].shape;
      outputs[i].bytes = inputs[i].bytes;
      outputs[i].data = data.duplicate();
    }
  }

  @Override
  public void close() {}
}
