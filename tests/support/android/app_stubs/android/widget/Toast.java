package android.widget;

import android.content.Context;

/** As much of Android's class as the example uses. */
public class Toast {
  public static final int LENGTH_LONG = 1;

  Toast() {}

  public static Toast makeText(Context context, CharSequence text, int duration) {
    return new Toast();
  }

  public void show() {}
}
