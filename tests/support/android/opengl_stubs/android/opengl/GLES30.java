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

  public static native void glBindBufferRange(int target, int index, int buffer, int offset, int size);

  public static native void glCopyBufferSubData(
      int readTarget, int writeTarget, int readOffset, int writeOffset, int size);

  public static native Buffer glMapBufferRange(int target, int offset, int length, int access);

  public static native boolean glUnmapBuffer(int target);
}
