"""From a texture through a model to the screen, in one OpenGL ES context, by a generated Python host.

Run as a program: FOLDER MODULE PICTURE.npy RESULT.npz [LIBRARIES]. A "camera" picture is drawn into a
texture; its pixels go to a buffer, the model makes a mask as an image in another, which becomes a
texture, and both are drawn together. Between the first draw and the last, nothing is read by the CPU: the
host may not map buffers then, and pixels are read into a buffer of the GPU only.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

VERTEX = """#version 310 es
out highp vec2 at;
void main() {
    at = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0;
    gl_Position = vec4(at * 2.0 - 1.0, 0.0, 1.0);
}
"""
CAMERA = """#version 310 es
precision highp float;
uniform sampler2D source;
in vec2 at;
out vec4 color;
void main() { color = texture(source, vec2(1.0 - at.x, at.y)); }
"""
SCREEN = """#version 310 es
precision highp float;
layout(location = 0) uniform sampler2D picture;
layout(location = 1) uniform sampler2D mask;
in vec2 at;
out vec4 color;
void main() { color = mix(vec4(0.0, 0.0, 1.0, 1.0), texture(picture, at), texture(mask, at).r); }
"""
TEXTURE, RGBA, BYTES, FRAMEBUFFER = 0x0DE1, 0x1908, 0x1401, 0x8D40
PACK, UNPACK, COPY_READ = 0x88EB, 0x88EC, 0x8F36
READING = ("glMapBufferRange",)


def main(folder: str, module: str, picture: str, result: str, *libraries: str) -> None:
    """Does it, and saves what the screen shows and what the model was given."""
    sys.path.insert(0, str(Path(folder) / "host" / "python"))
    host = importlib.import_module(module)
    pixels = np.load(picture)
    height, width = pixels.shape[:2]
    with host.HeadlessContext(*libraries) as context:
        api = Api(libraries[0] if libraries else None)
        shown = api.texture(width, height, pixels)
        camera, screen = api.texture(width, height), api.texture(width, height)
        mask = api.texture(width, height)
        with host.Model(context.gl) as model:
            (given,), (made,) = host.INPUTS, host.OUTPUTS
            buffers = model.gpu_buffers()
            api.draw(camera, width, height, CAMERA, shown)
            allowed = {
                name: getattr(context.gl, name) for name in READING if hasattr(context.gl, name)
            }
            for name in allowed:
                setattr(context.gl, name, refuse(name))
            # The texture is the framebuffer's: its pixels go to a buffer, on the GPU.
            api.pack(buffers[given].name, buffers[given].offset, width, height)
            model.run_on_gpu({}, {})
            # And from a buffer to a texture.
            api.gl.glBindBuffer(UNPACK, buffers[made].name)
            api.gl.glBindTexture(TEXTURE, mask)
            api.gl.glTexSubImage2D(
                TEXTURE, 0, 0, 0, width, height, RGBA, BYTES, ctypes.c_void_p(buffers[made].offset)
            )
            api.gl.glBindBuffer(UNPACK, 0)
            api.draw(screen, width, height, SCREEN, camera, mask)
            for name, function in allowed.items():
                setattr(context.gl, name, function)
            seen = api.pixels(width, height)
    np.savez(result, screen=seen)


def refuse(name: str) -> Any:
    """A function in the place of one that nothing may call now."""

    def called(*arguments: object) -> None:
        raise AssertionError(f"{name} would read back")

    return called


class Api:
    """The few functions of drawing, of the context that is current."""

    def __init__(self, library: str | None) -> None:
        file = f"{library}/libGLESv2.so" if library else "libGLESv2.so.2"
        self.gl = ctypes.CDLL(file)

    def texture(self, width: int, height: int, data: np.ndarray | None = None) -> int:
        """A texture of bytes, sampled without filtering."""
        name = ctypes.c_uint()
        self.gl.glGenTextures(1, ctypes.byref(name))
        self.gl.glBindTexture(TEXTURE, name)
        self.gl.glTexStorage2D(TEXTURE, 1, 0x8058, width, height)  # GL_RGBA8
        for parameter in (0x2800, 0x2801):  # GL_TEXTURE_MAG_FILTER, GL_TEXTURE_MIN_FILTER
            self.gl.glTexParameteri(TEXTURE, parameter, 0x2600)  # GL_NEAREST
        if data is not None:
            address = ctypes.c_void_p(data.ctypes.data)
            self.gl.glTexSubImage2D(TEXTURE, 0, 0, 0, width, height, RGBA, BYTES, address)
        return name.value

    def draw(self, target: int, width: int, height: int, fragment: str, *sources: int) -> None:
        """Draws one large triangle into a texture; its framebuffer stays bound."""
        gl, name = self.gl, ctypes.c_uint()
        gl.glGenFramebuffers(1, ctypes.byref(name))
        gl.glBindFramebuffer(FRAMEBUFFER, name)
        gl.glFramebufferTexture2D(FRAMEBUFFER, 0x8CE0, TEXTURE, target, 0)  # GL_COLOR_ATTACHMENT0
        assert gl.glCheckFramebufferStatus(FRAMEBUFFER) == 0x8CD5, "incomplete framebuffer"
        program = gl.glCreateProgram()
        for kind, text in ((0x8B31, VERTEX), (0x8B30, fragment)):
            shader = gl.glCreateShader(kind)
            source = ctypes.c_char_p(text.encode())
            gl.glShaderSource(shader, 1, ctypes.byref(source), None)
            gl.glCompileShader(shader)
            gl.glAttachShader(program, shader)
        gl.glLinkProgram(program)
        linked = ctypes.c_int()
        gl.glGetProgramiv(program, 0x8B82, ctypes.byref(linked))
        assert linked.value, "the program doesn't link"
        gl.glUseProgram(program)
        for i, source in enumerate(sources):
            gl.glActiveTexture(0x84C0 + i)
            gl.glBindTexture(TEXTURE, source)
            if len(sources) > 1:
                gl.glUniform1i(i, i)
        gl.glActiveTexture(0x84C0)
        gl.glViewport(0, 0, width, height)
        gl.glDrawArrays(4, 0, 3)  # GL_TRIANGLES
        assert gl.glGetError() == 0

    def pack(self, buffer: int, offset: int, width: int, height: int) -> None:
        """The framebuffer's pixels into a buffer, by the GPU: there is a buffer for them."""
        self.gl.glBindBuffer(PACK, buffer)
        bound = ctypes.c_int()
        self.gl.glGetIntegerv(0x88ED, ctypes.byref(bound))  # GL_PIXEL_PACK_BUFFER_BINDING
        assert bound.value == buffer, "this would read into the CPU's memory"
        self.gl.glReadPixels(0, 0, width, height, RGBA, BYTES, ctypes.c_void_p(offset))
        self.gl.glBindBuffer(PACK, 0)

    def pixels(self, width: int, height: int) -> np.ndarray:
        """What the framebuffer shows."""
        made = np.empty((height, width, 4), np.uint8)
        self.gl.glReadPixels(0, 0, width, height, RGBA, BYTES, ctypes.c_void_p(made.ctypes.data))
        assert self.gl.glGetError() == 0
        return made


if __name__ == "__main__":
    main(*sys.argv[1:])
