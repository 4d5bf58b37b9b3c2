package android.graphics;

/** As much of Android's class as the example uses. */
public final class Bitmap {
  /** How pixels are kept. */
  public enum Config {
    ARGB_8888
  }

  Bitmap() {}

  public static Bitmap createScaledBitmap(Bitmap from, int width, int height, boolean filter) {
    return from;
  }

  public Bitmap copy(Config config, boolean mutable) {
    return this;
  }

  public int getWidth() {
    return 0;
  }

  public int getHeight() {
    return 0;
  }

  public void getPixels(int[] pixels, int offset, int stride, int x, int y, int width, int height) {}
}
