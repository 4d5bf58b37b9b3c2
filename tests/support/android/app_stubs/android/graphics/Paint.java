package android.graphics;

/** As much of Android's class as the example uses. */
public class Paint {
  /** What is painted of a shape. */
  public enum Style {
    STROKE
  }

  public void setStyle(Style style) {}

  public void setStrokeWidth(float width) {}

  public void setColor(int color) {}
}
