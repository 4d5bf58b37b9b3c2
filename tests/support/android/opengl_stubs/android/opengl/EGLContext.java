package android.opengl;

/** A handle. */
public class EGLContext {
  EGLContext() {}
}
