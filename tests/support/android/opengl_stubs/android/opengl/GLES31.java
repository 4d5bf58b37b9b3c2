package android.opengl;

/** As much of Android's class as hosts use. */
public class GLES31 extends GLES30 {
  public static final int GL_SHADER_STORAGE_BARRIER_BIT = 0x2000;
  public static final int GL_BUFFER_UPDATE_BARRIER_BIT = 0x200;
  public static final int GL_ALL_BARRIER_BITS = 0xFFFFFFFF;
  public static final int GL_SHADER_STORAGE_BUFFER = 0x90D2;
  public static final int GL_MAX_SHADER_STORAGE_BLOCK_SIZE = 0x90DE;
  public static final int GL_SHADER_STORAGE_BUFFER_OFFSET_ALIGNMENT = 0x90DF;
  public static final int GL_COMPUTE_SHADER = 0x91B9;

  public static native void glDispatchCompute(int x, int y, int z);

  public static native void glMemoryBarrier(int barriers);
}
