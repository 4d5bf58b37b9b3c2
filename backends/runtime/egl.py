"""OpenGL ES 3.1 contexts without a window, through PyOpenGL's EGL bound to a chosen library."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

from tflgpuc.backends.runtime.gles_library import GlesLibrary, load_library
from tflgpuc.ir.errors import DeviceError

# EGL_MESA_platform_surfaceless and EGL_ANGLE_platform_angle: PyOpenGL has no names for these.
_PLATFORM_SURFACELESS_MESA = 0x31DD
_PLATFORM_ANGLE = 0x3202
_ANGLE_ATTRIBUTES = (
    (0x3203, 0x3450),  # EGL_PLATFORM_ANGLE_TYPE_ANGLE = ..._TYPE_VULKAN_ANGLE
    (0x348F, _PLATFORM_SURFACELESS_MESA),  # EGL_PLATFORM_ANGLE_NATIVE_PLATFORM_TYPE_ANGLE
)
_OPENGL_ES3_BIT = 0x0040

_ERROR_NAMES = {
    0x0500: "GL_INVALID_ENUM",
    0x0501: "GL_INVALID_VALUE",
    0x0502: "GL_INVALID_OPERATION",
    0x0505: "GL_OUT_OF_MEMORY",
    0x0506: "GL_INVALID_FRAMEBUFFER_OPERATION",
    0x0507: "GL_CONTEXT_LOST",
}


@dataclass(frozen=True)
class Bindings:
    """PyOpenGL's untyped modules, bound to ``library`` for the rest of the process."""

    library: GlesLibrary
    egl: Any
    gles: Any
    error: type[Exception]


_bindings: Bindings | None = None


def bind(library: GlesLibrary) -> Bindings:
    """PyOpenGL on ``library``.

    PyOpenGL binds once, at import, so a process has one library: DeviceError when it has another.
    """
    global _bindings
    if _bindings is None:
        _bindings = _bind(library)
    if _bindings.library != library:
        raise DeviceError(
            f"this process already runs OpenGL ES on {_bindings.library}; "
            f"use another process for {library}"
        )
    return _bindings


def _bind(library: GlesLibrary) -> Bindings:
    if "OpenGL.platform" in sys.modules:
        raise DeviceError("this process already uses PyOpenGL for something else")
    try:
        plugins = importlib.import_module("OpenGL.plugins")
    except ImportError as error:
        raise DeviceError("OpenGL ES needs the PyOpenGL package (pip install PyOpenGL)") from error
    libraries = load_library(library)
    plugin = plugins.PlatformPlugin("tflgpuc", f"{__name__}.platform")
    plugin.load = lambda: _platform(*libraries)
    saved = os.environ.get("PYOPENGL_PLATFORM")
    os.environ["PYOPENGL_PLATFORM"] = plugin.name
    try:
        return Bindings(
            library,
            importlib.import_module("OpenGL.EGL"),
            importlib.import_module("OpenGL.GLES3"),
            importlib.import_module("OpenGL.error").Error,
        )
    finally:
        if saved is None:
            del os.environ["PYOPENGL_PLATFORM"]
        else:
            os.environ["PYOPENGL_PLATFORM"] = saved


def _platform(egl: ctypes.CDLL, gles: ctypes.CDLL) -> type:
    """PyOpenGL's EGL platform, with these libraries in place of those that it would search for."""
    base = importlib.import_module("OpenGL.platform.egl").EGLPlatform
    # "GL" is where PyOpenGL takes glGetError from: desktop GL there would read another context.
    own = {"EGL": egl, "GLES2": gles, "GLES3": gles, "GL": gles, "OpenGL": gles}
    return type("GlesPlatform", (base,), own | dict.fromkeys(("GLES1", "GLU", "GLUT", "GLE")))


class EglContext:
    """A surfaceless OpenGL ES 3.1 context, for one thread.

    ``gles`` is PyOpenGL's OpenGL.GLES3, and ``error`` the base of what its functions raise.
    Raises DeviceError when the library gives no such context.
    """

    _current: ClassVar[EglContext | None] = None
    # EGL hands out the same display again, and eglTerminate ends it for all its contexts.
    _users: ClassVar[Counter[int]] = Counter()

    def __init__(self, library: GlesLibrary) -> None:
        bindings = bind(library)
        self.gles = bindings.gles
        self.error = bindings.error
        self._egl = egl = bindings.egl
        self._library = library
        self._context: Any = None
        self._surface: Any = egl.EGL_NO_SURFACE
        self._display: Any = None
        self._needs = ""
        try:
            self._open()
        except self.error as error:
            self.close()
            raise DeviceError(
                f"no OpenGL ES 3.1 context from {library}{self._needs}: {describe(error)}"
            ) from error
        except DeviceError:
            self.close()
            raise

    def _open(self) -> None:
        display = self._get_display()
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._egl.eglInitialize(display, major, minor)
        self._display = display
        self._users[_address(display)] += 1
        extensions = self._extensions(display)
        self._egl.eglBindAPI(self._egl.EGL_OPENGL_ES_API)
        surfaceless = "EGL_KHR_surfaceless_context" in extensions
        if surfaceless and "EGL_KHR_no_config_context" in extensions:
            config = None
        else:
            config = self._choose_config()
        self._context = self._egl.eglCreateContext(
            display,
            config,
            None,
            _attributes(
                (self._egl.EGL_CONTEXT_MAJOR_VERSION, 3), (self._egl.EGL_CONTEXT_MINOR_VERSION, 1)
            ),
        )
        if not surfaceless:
            size = _attributes((self._egl.EGL_WIDTH, 1), (self._egl.EGL_HEIGHT, 1))
            self._surface = self._egl.eglCreatePbufferSurface(display, config, size)
        self.activate()

    def _get_display(self) -> Any:
        """ANGLE's display on Vulkan, else Mesa's surfaceless one, else the default display."""
        platform_base = importlib.import_module("OpenGL.EGL.EXT.platform_base")
        client = self._extensions(None)
        if "EGL_ANGLE_platform_angle" in client:
            platform, attributes = _PLATFORM_ANGLE, _attributes(*_ANGLE_ATTRIBUTES)
            self._needs = " (which needs a Vulkan driver)"
        elif "EGL_MESA_platform_surfaceless" in client:
            platform, attributes = _PLATFORM_SURFACELESS_MESA, _attributes()
        else:
            display = self._egl.eglGetDisplay(self._egl.EGL_DEFAULT_DISPLAY)
            if not display:
                raise DeviceError(f"no EGL display from {self._library}")
            return display
        display = platform_base.eglGetPlatformDisplayEXT(platform, None, attributes)
        if not display:
            raise DeviceError(f"no EGL display from {self._library}")
        return display

    def _choose_config(self) -> Any:
        egl = self._egl
        configs, count = (egl.EGLConfig * 1)(), ctypes.c_int()
        wanted = _attributes(
            (egl.EGL_RENDERABLE_TYPE, _OPENGL_ES3_BIT), (egl.EGL_SURFACE_TYPE, egl.EGL_PBUFFER_BIT)
        )
        egl.eglChooseConfig(self._display, wanted, configs, 1, count)
        if count.value == 0:
            raise DeviceError(f"no EGL config for OpenGL ES 3 from {self._library}")
        return configs[0]

    def _extensions(self, display: Any) -> frozenset[str]:
        """The display's extensions, or the client's for None; none where EGL can't be asked."""
        try:
            names = self._egl.eglQueryString(display, self._egl.EGL_EXTENSIONS)
        except self.error:
            return frozenset()
        return frozenset((names or b"").decode().split())

    def activate(self) -> None:
        """Makes this the thread's current context, if another one is."""
        if EglContext._current is self:
            return
        if self._context is None:
            raise DeviceError("the OpenGL ES device is closed")
        self._egl.eglMakeCurrent(self._display, self._surface, self._surface, self._context)
        EglContext._current = self

    def close(self) -> None:
        """Destroys the context with all its objects; a second call does nothing."""
        egl, display, context = self._egl, self._display, self._context
        if display is None:
            return
        if EglContext._current is self:
            egl.eglMakeCurrent(display, egl.EGL_NO_SURFACE, egl.EGL_NO_SURFACE, egl.EGL_NO_CONTEXT)
            EglContext._current = None
        if self._surface:
            egl.eglDestroySurface(display, self._surface)
        if context is not None:
            egl.eglDestroyContext(display, context)
        self._display = self._context = self._surface = None
        self._users[_address(display)] -= 1
        if self._users[_address(display)] == 0:
            egl.eglTerminate(display)


def _attributes(*pairs: tuple[int, int]) -> Any:
    """An EGLint attribute list, closed by EGL_NONE (0x3038)."""
    flat = [int(value) for pair in pairs for value in pair]
    return (ctypes.c_int * (len(flat) + 1))(*flat, 0x3038)


def _address(display: Any) -> int:
    return ctypes.cast(display, ctypes.c_void_p).value or 0


def describe(error: Exception) -> str:
    """The call that PyOpenGL's ``error`` is about, and the name of the error code."""
    call = getattr(error, "baseOperation", None)
    code = getattr(error, "err", None)
    if call is None or code is None:
        return str(error)
    name = _ERROR_NAMES.get(int(code), getattr(code, "name", str(code)))
    return f"{getattr(call, '__name__', call)}: {name}"
