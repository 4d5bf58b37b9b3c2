import android.opengl.GLES31;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;

/** Runs any generated host: FOLDER PACKAGE RUNS INPUT... -- OUTPUT...; prints what tests look at. */
public final class Driver {
  private static Class<?> host;

  public static void main(String[] arguments) throws Exception {
    host = Class.forName(arguments[1] + ".Model");
    try (AutoCloseable context = (AutoCloseable) made(inner("HeadlessContext"))) {
      run(arguments);
    } catch (InvocationTargetException failure) {
      if (!failure.getCause().getClass().getSimpleName().equals("GpuException")) throw failure;
      System.err.println(failure.getCause().getMessage());
      System.exit(1);
    }
  }

  private static void run(String[] arguments) throws Exception {
    AutoCloseable model = model(new File(arguments[0]));
    System.out.println("cached " + host.getMethod("cachedPrograms").invoke(model));
    Object in = allocated("Inputs");
    Object out = allocated("Outputs");
    int at = 3;
    List<byte[]> given = new ArrayList<>();
    for (Field field : in.getClass().getDeclaredFields()) {
      given.add(Files.readAllBytes(new File(arguments[at++]).toPath()));
      put(field, in, given.get(given.size() - 1));
    }
    for (int i = 0; i < Integer.parseInt(arguments[2]); i++) call(model, "run", in, out);
    for (byte[] result : bytesOf(out)) Files.write(new File(arguments[++at]).toPath(), result);
    call(model, "reset");
    System.out.println("arrays " + onArrays(model, in));
    call(model, "reset");
    onGpu(model, in, given, out);
    model.close();
    try {
      call(model, "run", in, out);
    } catch (InvocationTargetException failure) {
      System.out.println("closed " + failure.getCause().getMessage());
    }
  }

  private static List<byte[]> bytesOf(Object ports) throws Exception {
    List<byte[]> made = new ArrayList<>();
    for (Field field : ports.getClass().getDeclaredFields()) made.add(bytes(field.get(ports)));
    return made;
  }

  /** A run from and to Java's arrays, in the middle of larger ones, against one from and to direct buffers. */
  private static String onArrays(AutoCloseable model, Object in) throws Exception {
    Object out = allocated("Outputs");
    call(model, "run", in, out);
    call(model, "reset");
    Object heapIn = made(inner("Inputs"));
    Object heapOut = allocated("Outputs");
    for (Field field : heapIn.getClass().getDeclaredFields()) field.set(heapIn, heap(field.get(in)));
    for (Field field : heapOut.getClass().getDeclaredFields()) field.set(heapOut, heap(field.get(heapOut)));
    call(model, "run", heapIn, heapOut);
    for (Field field : out.getClass().getDeclaredFields()) {
      Object wanted = field.get(out);
      Object got = field.get(heapOut);
      if (!(wanted instanceof Buffer ? wanted.equals(got) : same(bytes(wanted), bytes(got)))) return "other";
    }
    return "same";
  }

  private static void onGpu(AutoCloseable model, Object in, List<byte[]> given, Object out) throws Exception {
    call(model, "run", in, out);
    List<byte[]> expected = bytesOf(out);
    call(model, "reset");
    Object gpuIn = made(inner("GpuInputs"));
    Object gpuOut = made(inner("GpuOutputs"));
    int i = 0;
    for (Field field : gpuIn.getClass().getDeclaredFields()) {
      byte[] data = given.get(i++);
      if (field.getType().getSimpleName().equals("GlBuffer")) {
        place(field.get(gpuIn), data.length, data);
      } else {
        field.set(gpuIn, in.getClass().getDeclaredField(field.getName()).get(in));
      }
    }
    i = 0;
    for (Field field : gpuOut.getClass().getDeclaredFields()) {
      int size = expected.get(i++).length;
      if (field.getType().getSimpleName().equals("GlBuffer")) {
        place(field.get(gpuOut), size, null);
      } else {
        field.set(gpuOut, out.getClass().getDeclaredField(field.getName()).get(out));
      }
    }
    call(model, "runOnGpu", gpuIn, gpuOut);
    i = 0;
    for (Field field : gpuOut.getClass().getDeclaredFields()) {
      byte[] wanted = expected.get(i++);
      if (!field.getType().getSimpleName().equals("GlBuffer")) continue;
      int name = field.get(gpuOut).getClass().getField("name").getInt(field.get(gpuOut));
      GLES31.glBindBuffer(GLES31.GL_COPY_READ_BUFFER, name);
      ByteBuffer mapped = (ByteBuffer) GLES31.glMapBufferRange(GLES31.GL_COPY_READ_BUFFER, 256, wanted.length, 1);
      byte[] got = new byte[wanted.length];
      mapped.get(got);
      GLES31.glUnmapBuffer(GLES31.GL_COPY_READ_BUFFER);
      System.out.println("gpu " + (same(got, wanted) ? "same" : "other"));
    }
  }

  /** Makes a GL buffer that holds the data from byte 256 on. */
  private static void place(Object buffer, int size, byte[] data) throws Exception {
    int[] name = new int[1];
    GLES31.glGenBuffers(1, name, 0);
    GLES31.glBindBuffer(GLES31.GL_COPY_WRITE_BUFFER, name[0]);
    GLES31.glBufferData(GLES31.GL_COPY_WRITE_BUFFER, 256 + size + 8, null, GLES31.GL_DYNAMIC_COPY);
    if (data != null) {
      ByteBuffer direct = ByteBuffer.allocateDirect(size);
      direct.put(data);
      direct.flip();
      GLES31.glBufferSubData(GLES31.GL_COPY_WRITE_BUFFER, 256, size, direct);
    }
    buffer.getClass().getMethod("set", int.class, int.class).invoke(buffer, name[0], 256);
  }

  private static AutoCloseable model(File folder) throws Exception {
    Object files = host.getMethod("directory", File.class).invoke(null, folder);
    String cache = System.getProperty("cache");
    for (Constructor<?> constructor : host.getConstructors()) {
      Class<?>[] types = constructor.getParameterTypes();
      if ((types[types.length - 1] == File.class) != (cache != null)) continue;
      Object[] given = new Object[types.length];
      for (int i = 0; i < types.length; i++) {
        given[i] = i == 0 ? files : types[i] == File.class ? new File(cache) : segments(files);
      }
      return (AutoCloseable) constructor.newInstance(given);
    }
    throw new AssertionError();
  }

  /** Segments whose outputs are their inputs: the glue over a stand-in, if it was compiled, else an object of our own. */
  private static Object segments(Object files) throws Exception {
    if (Boolean.getBoolean("glue")) {
      Class<?> glue = Class.forName(host.getPackage().getName() + ".TfLiteSegments");
      return glue.getConstructor(inner("Files"), int.class).newInstance(files, 1);
    }
    Class<?> type = inner("Segments");
    return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, method, given) -> {
      if (!method.getName().equals("run")) return null;
      Object[] inputs = (Object[]) given[1];
      Object[] outputs = (Object[]) given[2];
      for (int i = 0; i < outputs.length; i++) outputs[i].getClass().getMethod("set", inputs[i].getClass()).invoke(outputs[i], inputs[i]);
      return null;
    });
  }

  private static Class<?> inner(String name) throws ClassNotFoundException {
    return Class.forName(host.getName() + "$" + name);
  }

  private static Object made(Class<?> type) throws Exception {
    return type.getDeclaredConstructor().newInstance();
  }

  private static Object allocated(String name) throws Exception {
    return inner(name).getMethod("allocate").invoke(null);
  }

  private static void call(Object model, String name, Object... arguments) throws Exception {
    for (Method method : host.getMethods()) {
      if (method.getName().equals(name)) {
        method.invoke(model, arguments);
        return;
      }
    }
    throw new IOException(name);
  }

  /** Sets a port to the bytes; a wrong number of them makes a buffer of another size. */
  private static void put(Field field, Object ports, byte[] data) throws Exception {
    ByteBuffer made = ByteBuffer.allocateDirect(data.length).order(ByteOrder.nativeOrder());
    made.put(data);
    made.flip();
    field.set(ports, viewed(field.getType(), made));
  }

  private static Object viewed(Class<?> type, ByteBuffer data) {
    if (type == FloatBuffer.class) return data.asFloatBuffer();
    if (type == DoubleBuffer.class) return data.asDoubleBuffer();
    if (type == LongBuffer.class) return data.asLongBuffer();
    if (type == IntBuffer.class) return data.asIntBuffer();
    if (type == ShortBuffer.class) return data.asShortBuffer();
    return data;
  }

  /** The same elements between others in an array of Java's. */
  private static Object heap(Object buffer) throws Exception {
    if (buffer instanceof FloatBuffer) {
      FloatBuffer from = ((FloatBuffer) buffer).duplicate();
      int n = from.remaining();
      FloatBuffer made = FloatBuffer.wrap(new float[n + 2], 1, n);
      made.put(from);
      return made.position(1);
    }
    if (buffer instanceof IntBuffer) {
      IntBuffer from = ((IntBuffer) buffer).duplicate();
      int n = from.remaining();
      IntBuffer made = IntBuffer.wrap(new int[n + 2], 1, n);
      made.put(from);
      return made.position(1);
    }
    if (buffer instanceof ByteBuffer) {
      ByteBuffer from = ((ByteBuffer) buffer).duplicate();
      int n = from.remaining();
      ByteBuffer made = ByteBuffer.wrap(new byte[n + 2], 1, n);
      made.put(from);
      return made.position(1);
    }
    return buffer;
  }

  private static byte[] bytes(Object port) throws Exception {
    if (!(port instanceof Buffer)) return bytes(port.getClass().getField("data").get(port));
    ByteBuffer made;
    if (port instanceof FloatBuffer) {
      FloatBuffer from = ((FloatBuffer) port).duplicate();
      made = room(from.remaining() * 4);
      made.asFloatBuffer().put(from);
    } else if (port instanceof DoubleBuffer) {
      DoubleBuffer from = ((DoubleBuffer) port).duplicate();
      made = room(from.remaining() * 8);
      made.asDoubleBuffer().put(from);
    } else if (port instanceof LongBuffer) {
      LongBuffer from = ((LongBuffer) port).duplicate();
      made = room(from.remaining() * 8);
      made.asLongBuffer().put(from);
    } else if (port instanceof IntBuffer) {
      IntBuffer from = ((IntBuffer) port).duplicate();
      made = room(from.remaining() * 4);
      made.asIntBuffer().put(from);
    } else if (port instanceof ShortBuffer) {
      ShortBuffer from = ((ShortBuffer) port).duplicate();
      made = room(from.remaining() * 2);
      made.asShortBuffer().put(from);
    } else {
      ByteBuffer from = ((ByteBuffer) port).duplicate();
      made = room(from.remaining());
      made.duplicate().put(from);
    }
    return made.array();
  }

  private static ByteBuffer room(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.nativeOrder());
  }

  private static boolean same(byte[] one, byte[] other) {
    return java.util.Arrays.equals(one, other);
  }
}
