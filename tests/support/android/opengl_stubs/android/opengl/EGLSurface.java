package android.opengl;

/** A handle. */
public class EGLSurface {
  EGLSurface() {}
}
