package android.widget;

import android.content.Context;
import android.graphics.Bitmap;
import android.view.View;

/** As much of Android's class as the example uses. */
public class ImageView extends View {
  public ImageView(Context context) {
    super(context);
  }

  public void setImageBitmap(Bitmap bitmap) {}
}
