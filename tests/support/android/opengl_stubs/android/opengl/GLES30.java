package android.opengl;

import java.nio.Buffer;

/** As much of Android's class as hosts use. */
public class GLES30 extends GLES20 {
  public static final int GL_MAJOR_VERSION = 0x821B;
  public static final int GL_MINOR_VERSION = 0x821C;
  public static final int GL_DYNAMIC_COPY = 0x88EA;
  public static final int GL_COPY_READ_BUFFER = 0x8F36;
  public static final int GL_COPY_WRITE_BUFFER = 0x8F37;
  public static final int GL_MAP_READ_BIT = 1;
  public static final int GL_PROGRAM_BINARY_LENGTH = 0x8741;
  public static final int GL_PROGRAM_BINARY_RETRIEVABLE_HINT = 0x8257;

  public static native void glBindBufferRange(int target, int index, int buffer, int offset, int size);

  public static native void glCopyBufferSubData(
      int readTarget, int writeTarget, int readOffset, int writeOffset, int size);

  public static void glGetProgramBinary(
      int program, int bufSize, int[] length, int lengthOffset, int[] binaryFormat, int binaryFormatOffset, Buffer binary) {
    if (binary.remaining() < bufSize) throw new IllegalArgumentException("remaining() < bufSize < needed");
    getBinary(program, bufSize, length, lengthOffset, binaryFormat, binaryFormatOffset, binary, binary.position());
  }

  private static native void getBinary(
      int program, int size, int[] length, int lengthOffset, int[] format, int formatOffset, Buffer binary, int position);

  public static void glProgramBinary(int program, int binaryFormat, Buffer binary, int length) {
    if (binary.remaining() < length) throw new IllegalArgumentException("remaining() < length < needed");
    putBinary(program, binaryFormat, binary, length, binary.position());
  }

  private static native void putBinary(int program, int format, Buffer binary, int length, int position);

  public static native void glProgramParameteri(int program, int pname, int value);

  public static native Buffer glMapBufferRange(int target, int offset, int length, int access);

  public static native boolean glUnmapBuffer(int target);
}
