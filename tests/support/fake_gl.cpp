// Runs a host on a GL that does nothing but say what it is asked for: FOLDER MINOR_VERSION ALIGNMENT BLOCK_SIZE.
#include "small.hpp"

#include <cstdlib>
#include <new>

namespace {
int allocations = 0;
int version = 1, alignment = 256, block = 1 << 27;
unsigned char memory[1 << 16];
}  // namespace

void* operator new(std::size_t size) {
  allocations++;
  return std::malloc(size);
}
void operator delete(void* data) noexcept { std::free(data); }
void operator delete(void* data, std::size_t) noexcept { std::free(data); }

small::Gl fake() {
  small::Gl gl([](const char*) { return reinterpret_cast<void (*)()>(+[] { std::puts("other"); }); });
  gl.attachShader = [](unsigned, unsigned) {};
  gl.bindBuffer = [](unsigned, unsigned) {};
  gl.bindBufferRange = [](unsigned, unsigned point, unsigned, std::ptrdiff_t, std::ptrdiff_t) {
    std::printf("bind %u\n", point);
  };
  gl.bufferData = [](unsigned, std::ptrdiff_t, const void*, unsigned) {};
  gl.bufferSubData = [](unsigned, std::ptrdiff_t, std::ptrdiff_t, const void*) { std::puts("write"); };
  gl.compileShader = [](unsigned) { std::puts("compile"); };
  gl.createProgram = [] { return 7u; };
  gl.createShader = [](unsigned) { return 8u; };
  gl.deleteBuffers = [](int, const unsigned*) { std::puts("delete buffers"); };
  gl.deleteProgram = [](unsigned) { std::puts("delete program"); };
  gl.deleteShader = [](unsigned) {};
  gl.detachShader = [](unsigned, unsigned) {};
  gl.dispatchCompute = [](unsigned, unsigned, unsigned) { std::puts("dispatch"); };
  gl.genBuffers = [](int count, unsigned* names) { while (count--) names[count] = 9; };
  gl.getError = [] { return 0u; };
  gl.getIntegerv = [](unsigned name, int* value) {
    *value = name == 0x821B ? 3 : name == 0x821C ? version : name == 0x90DF ? alignment : block;
  };
  gl.getProgramiv = gl.getShaderiv = [](unsigned, unsigned, int* value) { std::puts("ask"), *value = 1; };
  gl.getString = [](unsigned) {
    return reinterpret_cast<const unsigned char*>("GL_KHR_parallel_shader_compile");
  };
  gl.linkProgram = [](unsigned) { std::puts("link"); };
  gl.mapBufferRange = [](unsigned, std::ptrdiff_t, std::ptrdiff_t, unsigned) -> void* { return memory; };
  gl.maxShaderCompilerThreadsKHR = [](unsigned count) { std::printf("threads %u\n", count); };
  gl.memoryBarrier = [](unsigned bits) { std::printf("barrier %x\n", bits); };
  gl.programParameteri = [](unsigned, unsigned, int) {};
  gl.shaderSource = [](unsigned, int, const char* const*, const int*) {};
  gl.unmapBuffer = [](unsigned) -> unsigned char { std::puts("read"); return 1; };
  gl.useProgram = [](unsigned) {};
  return gl;
}

int main(int, char** arguments) try {
  version = std::atoi(arguments[2]);
  alignment = std::atoi(arguments[3]);
  block = std::atoi(arguments[4]);
  small::Model model(fake(), small::directory(arguments[1]));
  const std::vector<float> x(15);
  const std::vector<std::int32_t> n(15);
  std::vector<std::int8_t> i8(15);
  std::vector<std::uint8_t> u8(15), truth(15);
  std::vector<std::int32_t> i32(15), twice(15);
  std::vector<std::int64_t> largest(3);
  std::puts("run");
  const int before = allocations;
  model.run({x, n}, {i8, u8, truth, i32, twice, largest});
  std::puts("run on gpu");
  model.run_on_gpu({}, {});
  model.reset();
  const int made = allocations - before;
  std::printf("allocations %d\n", made);
} catch (const small::Error& error) {
  std::puts(error.what());
}
