package android.os;

/** As much of Android's class as the example uses. */
public final class Bundle {}
