package android.view;

import android.content.Context;

/** As much of Android's class as the example uses. */
public class View {
  public View(Context context) {}
}
