// A stand-in for Metal that runs kernels on the CPU: those of the library that the variable METAL_KERNELS names, which clang made
// of a .metal file. Commands run when their buffer is committed. Launches without a barrier between them run in the wrong order.
// Objects are never freed.
#import <Metal/Metal.h>

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace {

using Kernel = int (*)(void **, const unsigned *, const unsigned *, unsigned, unsigned);
using Commands = std::vector<std::function<void()>>;

[[noreturn]] void broken(const char *rule) {
  std::fprintf(stderr, "Metal: %s\n", rule);
  std::abort();
}

}  // namespace

@interface FakeBuffer : NSObject <MTLBuffer> {
 @public
  std::vector<unsigned char> *bytes;
  bool hidden;
}
@end

@implementation FakeBuffer
- (NSUInteger)length {
  return bytes->size();
}
- (void *)contents {
  if (hidden) broken("the CPU doesn't see a private buffer");
  return bytes->data();
}
@end

@interface FakeFunction : NSObject <MTLFunction, MTLComputePipelineState> {
 @public
  Kernel kernel;
}
@end

@implementation FakeFunction
- (NSUInteger)maxTotalThreadsPerThreadgroup {
  const char *const most = std::getenv("METAL_THREADS");
  return most ? static_cast<NSUInteger>(std::atoi(most)) : 1024;
}
@end

@interface FakeLibrary : NSObject <MTLLibrary>
@end

@implementation FakeLibrary
- (id<MTLFunction>)newFunctionWithName:(NSString *)name {
  static void *const library = dlopen(std::getenv("METAL_KERNELS"), RTLD_NOW);
  if (!library) broken(dlerror());
  void *const found = dlsym(library, (std::string([name UTF8String]) + "__groups").c_str());
  if (!found) return nil;
  FakeFunction *const made = [FakeFunction new];
  made->kernel = reinterpret_cast<Kernel>(found);
  return made;
}
@end

@interface FakeEncoder : NSObject <MTLComputeCommandEncoder, MTLBlitCommandEncoder> {
 @public
  Commands *commands;
  Commands *since;  // launches since the last barrier
  FakeFunction *function;
  void *bound[32];
}
@end

@implementation FakeEncoder
- (void)setComputePipelineState:(id<MTLComputePipelineState>)state {
  function = static_cast<FakeFunction *>(state);
}
- (void)setBuffer:(id<MTLBuffer>)buffer offset:(NSUInteger)offset atIndex:(NSUInteger)index {
  FakeBuffer *const fake = static_cast<FakeBuffer *>(buffer);
  if (!fake || offset >= fake->bytes->size() || index >= 31) broken("no such place for a kernel");
  bound[index] = fake->bytes->data() + offset;
}
- (void)memoryBarrierWithScope:(MTLBarrierScope)scope {
  if (scope != MTLBarrierScopeBuffers) broken("a barrier for textures");
  commands->insert(commands->end(), since->rbegin(), since->rend());
  since->clear();
}
- (void)dispatchThreadgroups:(MTLSize)groups threadsPerThreadgroup:(MTLSize)threads {
  std::vector<void *> places(bound, bound + 32);
  const Kernel kernel = function->kernel;
  since->push_back([=]() mutable {
    const unsigned grid[] = {unsigned(groups.width), unsigned(groups.height), unsigned(groups.depth)};
    const unsigned size[] = {unsigned(threads.width), unsigned(threads.height), unsigned(threads.depth)};
    if (kernel(places.data(), grid, size, 0, grid[0] * grid[1] * grid[2])) broken("not all threads reach a barrier");
  });
}
- (void)copyFromBuffer:(id<MTLBuffer>)from
          sourceOffset:(NSUInteger)fromOffset
              toBuffer:(id<MTLBuffer>)to
     destinationOffset:(NSUInteger)toOffset
                  size:(NSUInteger)size {
  std::vector<unsigned char> *const source = static_cast<FakeBuffer *>(from)->bytes, *const target = static_cast<FakeBuffer *>(to)->bytes;
  if (size % 4 || fromOffset % 4 || toOffset % 4) broken("macOS copies whole words");
  if (fromOffset + size > source->size() || toOffset + size > target->size()) broken("a copy of what isn't there");
  commands->push_back([=] { std::memcpy(target->data() + toOffset, source->data() + fromOffset, size); });
}
- (void)endEncoding {
  [self memoryBarrierWithScope:MTLBarrierScopeBuffers];
}
@end

@interface FakeCommandBuffer : NSObject <MTLCommandBuffer> {
 @public
  Commands *commands;
  MTLCommandBufferStatus state;
}
@end

@implementation FakeCommandBuffer
- (MTLCommandBufferStatus)status {
  return state;
}
- (NSError *)error {
  return nil;
}
- (FakeEncoder *)encoder {
  FakeEncoder *const made = [FakeEncoder new];
  made->commands = commands;
  made->since = new Commands;
  return made;
}
- (id<MTLComputeCommandEncoder>)computeCommandEncoderWithDispatchType:(MTLDispatchType)type {
  if (type != MTLDispatchTypeConcurrent) broken("launches one after another");
  return [self encoder];
}
- (id<MTLBlitCommandEncoder>)blitCommandEncoder {
  return [self encoder];
}
- (void)commit {
  for (const auto &command : *commands) command();
  state = MTLCommandBufferStatusCompleted;
}
- (void)waitUntilCompleted {
  if (state != MTLCommandBufferStatusCompleted) broken("nothing to wait for");
}
@end

@interface FakeQueue : NSObject <MTLCommandQueue>
@end

@implementation FakeQueue
- (id<MTLCommandBuffer>)commandBuffer {
  FakeCommandBuffer *const made = [FakeCommandBuffer new];
  made->commands = new Commands;
  return made;
}
@end

@interface FakeDevice : NSObject <MTLDevice>
@end

@implementation FakeDevice
- (NSString *)name {
  return @"the stand-in";
}
- (id<MTLCommandQueue>)newCommandQueue {
  return [FakeQueue new];
}
- (id<MTLBuffer>)newBufferWithLength:(NSUInteger)length options:(MTLResourceOptions)options {
  FakeBuffer *const made = [FakeBuffer new];
  made->bytes = new std::vector<unsigned char>(length, 0xAA);
  made->hidden = options == MTLResourceStorageModePrivate;
  return made;
}
- (id<MTLLibrary>)newDefaultLibrary {
  return [FakeLibrary new];
}
- (id<MTLLibrary>)newLibraryWithSource:(NSString *)source options:(MTLCompileOptions *)options error:(NSError **)error {
  if ([source rangeOfString:@"nonsense"].length == 0) return [FakeLibrary new];
  NSDictionary *const info = [NSDictionary dictionaryWithObject:@"what does nonsense mean?" forKey:NSLocalizedDescriptionKey];
  *error = [NSError errorWithDomain:@"stand-in" code:3 userInfo:info];
  return nil;
}
- (id<MTLComputePipelineState>)newComputePipelineStateWithFunction:(id<MTLFunction>)function error:(NSError **)error {
  return static_cast<FakeFunction *>(function);
}
@end

id<MTLDevice> MTLCreateSystemDefaultDevice(void) { return [FakeDevice new]; }
