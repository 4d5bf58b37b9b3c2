package android.opengl;

/** As much of Android's class as hosts use; there is one context, made when it becomes current. */
public class EGL14 {
  public static final int EGL_DEFAULT_DISPLAY = 0;
  public static final int EGL_PBUFFER_BIT = 1;
  public static final int EGL_SURFACE_TYPE = 0x3033;
  public static final int EGL_NONE = 0x3038;
  public static final int EGL_RENDERABLE_TYPE = 0x3040;
  public static final int EGL_HEIGHT = 0x3056;
  public static final int EGL_WIDTH = 0x3057;
  public static final int EGL_CONTEXT_CLIENT_VERSION = 0x3098;
  public static final EGLContext EGL_NO_CONTEXT = new EGLContext();
  public static final EGLSurface EGL_NO_SURFACE = new EGLSurface();

  static {
    System.load(System.getProperty("android.gl"));
  }

  public static EGLDisplay eglGetDisplay(int display) {
    return new EGLDisplay();
  }

  public static boolean eglInitialize(EGLDisplay display, int[] major, int majorOffset, int[] minor, int minorOffset) {
    return true;
  }

  public static boolean eglChooseConfig(
      EGLDisplay display, int[] attributes, int offset, EGLConfig[] configs, int configsOffset, int size, int[] count, int countOffset) {
    configs[configsOffset] = new EGLConfig();
    count[countOffset] = 1;
    return true;
  }

  public static EGLContext eglCreateContext(EGLDisplay display, EGLConfig config, EGLContext shared, int[] attributes, int offset) {
    return new EGLContext();
  }

  public static EGLSurface eglCreatePbufferSurface(EGLDisplay display, EGLConfig config, int[] attributes, int offset) {
    return new EGLSurface();
  }

  public static boolean eglMakeCurrent(EGLDisplay display, EGLSurface draw, EGLSurface read, EGLContext context) {
    return makeCurrent(context != EGL_NO_CONTEXT);
  }

  public static boolean eglDestroySurface(EGLDisplay display, EGLSurface surface) {
    return true;
  }

  public static boolean eglDestroyContext(EGLDisplay display, EGLContext context) {
    return true;
  }

  public static int eglGetError() {
    return 0x3001;
  }

  private static native boolean makeCurrent(boolean current);
}
