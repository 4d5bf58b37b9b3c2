package org.tflgpuc.example;

import android.app.Activity;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Canvas;
import android.graphics.Color;
import android.graphics.Paint;
import android.os.Bundle;
import android.widget.ImageView;
import android.widget.Toast;
import face.Model;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;

/** Shows a photo with a frame around every face. */
public final class MainActivity extends Activity {
  private ImageView view;

  @Override
  protected void onCreate(Bundle state) {
    super.onCreate(state);
    view = new ImageView(this);
    setContentView(view);
    new Thread(this::show).start();
  }

  /** In a thread of its own, which the context without a window belongs to. */
  private void show() {
    Model.HeadlessContext context = null;
    try {
      Bitmap photo = photo();
      context = new Model.HeadlessContext();
      try (FaceDetector detector = new FaceDetector(path -> getAssets().open("face/" + path))) {
        draw(photo, detector.detect(pixels(photo)));
      }
      runOnUiThread(() -> view.setImageBitmap(photo));
    } catch (IOException | Model.GpuException failure) {
      runOnUiThread(() -> Toast.makeText(this, failure.getMessage(), Toast.LENGTH_LONG).show());
    } finally {
      if (context != null) context.close();
    }
  }

  private Bitmap photo() throws IOException {
    try (InputStream stream = getAssets().open("photo.jpg")) {
      Bitmap read = BitmapFactory.decodeStream(stream);
      if (read == null) throw new FileNotFoundException("photo.jpg is no picture");
      return read.copy(Bitmap.Config.ARGB_8888, true);
    }
  }

  private static int[] pixels(Bitmap photo) {
    int side = FaceDetector.SIDE;
    int[] made = new int[side * side];
    Bitmap.createScaledBitmap(photo, side, side, true).getPixels(made, 0, side, 0, 0, side, side);
    return made;
  }

  private static void draw(Bitmap photo, List<FaceDetector.Face> faces) {
    Paint frame = new Paint();
    frame.setStyle(Paint.Style.STROKE);
    frame.setStrokeWidth(Math.max(2, photo.getWidth() / 200));
    frame.setColor(Color.GREEN);
    Canvas canvas = new Canvas(photo);
    for (FaceDetector.Face face : faces) {
      canvas.drawRect(
          face.left * photo.getWidth(),
          face.top * photo.getHeight(),
          face.right * photo.getWidth(),
          face.bottom * photo.getHeight(),
          frame);
    }
  }
}
