package android.opengl;

/** A handle. */
public class EGLConfig {
  EGLConfig() {}
}
