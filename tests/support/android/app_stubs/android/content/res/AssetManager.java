package android.content.res;

import java.io.IOException;
import java.io.InputStream;

/** As much of Android's class as the example uses. */
public final class AssetManager {
  AssetManager() {}

  public InputStream open(String name) throws IOException {
    throw new IOException(name);
  }
}
