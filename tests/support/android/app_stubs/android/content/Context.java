package android.content;

import android.content.res.AssetManager;

/** As much of Android's class as the example uses. */
public abstract class Context {
  public java.io.File getCodeCacheDir() {
    throw new UnsupportedOperationException();
  }

  public AssetManager getAssets() {
    throw new UnsupportedOperationException();
  }
}
