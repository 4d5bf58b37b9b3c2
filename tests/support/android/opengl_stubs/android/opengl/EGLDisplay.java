package android.opengl;

/** A handle. */
public class EGLDisplay {
  EGLDisplay() {}
}
