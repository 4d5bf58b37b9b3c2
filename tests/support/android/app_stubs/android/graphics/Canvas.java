package android.graphics;

/** As much of Android's class as the example uses. */
public class Canvas {
  public Canvas(Bitmap bitmap) {}

  public void drawRect(float left, float top, float right, float bottom, Paint paint) {}
}
