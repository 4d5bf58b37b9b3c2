package android.graphics;

/** As much of Android's class as the example uses. */
public class Color {
  public static final int GREEN = 0xFF00FF00;
}
