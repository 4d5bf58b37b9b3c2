package android.opengl;

import java.nio.Buffer;

/** As much of Android's class as hosts use, with its signatures; the library that a property names does the work. */
public class GLES20 {
  public static final int GL_NO_ERROR = 0;
  public static final int GL_VENDOR = 0x1F00;
  public static final int GL_RENDERER = 0x1F01;
  public static final int GL_VERSION = 0x1F02;
  public static final int GL_COMPILE_STATUS = 0x8B81;
  public static final int GL_LINK_STATUS = 0x8B82;

  static {
    System.load(System.getProperty("android.gl"));
  }

  public static native void glAttachShader(int program, int shader);

  public static native void glBindBuffer(int target, int buffer);

  public static void glBufferData(int target, int size, Buffer data, int usage) {
    if (data != null) throw new UnsupportedOperationException();
    allocate(target, size, usage);
  }

  /** Checks as Android's does. */
  public static void glBufferSubData(int target, int offset, int size, Buffer data) {
    if (data.remaining() < size) throw new IllegalArgumentException("remaining() < size < needed");
    write(target, offset, size, data, data.position());
  }

  public static native void glCompileShader(int shader);

  public static native int glCreateProgram();

  public static native int glCreateShader(int type);

  public static native void glDeleteBuffers(int n, int[] buffers, int offset);

  public static native void glDeleteProgram(int program);

  public static native void glDeleteShader(int shader);

  public static native void glDetachShader(int program, int shader);

  public static native void glGenBuffers(int n, int[] buffers, int offset);

  public static native int glGetError();

  public static native void glGetIntegerv(int name, int[] values, int offset);

  public static native String glGetProgramInfoLog(int program);

  public static native void glGetProgramiv(int program, int name, int[] values, int offset);

  public static native String glGetShaderInfoLog(int shader);

  public static native void glGetShaderiv(int shader, int name, int[] values, int offset);

  public static native String glGetString(int name);

  public static native void glLinkProgram(int program);

  public static native void glShaderSource(int shader, String source);

  public static native void glUseProgram(int program);

  private static native void allocate(int target, int size, int usage);

  private static native void write(int target, int offset, int size, Buffer data, int position);
}
