package android.graphics;

import java.io.InputStream;

/** As much of Android's class as the example uses. */
public class BitmapFactory {
  public static Bitmap decodeStream(InputStream stream) {
    return new Bitmap();
  }
}
