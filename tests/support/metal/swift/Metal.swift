// As much of Apple's Metal as hosts in Swift use, with its signatures, run on the CPU as metal.mm does: kernels come from the
// library that the variable METAL_KERNELS names; launches without a barrier between them run in the wrong order.
import Foundation

public struct MTLSize {
  public var width, height, depth: Int
}

public func MTLSizeMake(_ width: Int, _ height: Int, _ depth: Int) -> MTLSize {
  return MTLSize(width: width, height: height, depth: depth)
}

public enum MTLDispatchType: UInt { case serial, concurrent }

public enum MTLCommandBufferStatus: UInt { case notEnqueued, enqueued, committed, scheduled, completed, error }

public struct MTLBarrierScope: OptionSet {
  public let rawValue: UInt
  public init(rawValue: UInt) { self.rawValue = rawValue }
  public static let buffers = MTLBarrierScope(rawValue: 1)
  public static let textures = MTLBarrierScope(rawValue: 2)
}

public struct MTLResourceOptions: OptionSet {
  public let rawValue: UInt
  public init(rawValue: UInt) { self.rawValue = rawValue }
  public static let storageModeShared: MTLResourceOptions = []
  public static let storageModePrivate = MTLResourceOptions(rawValue: 32)
}

public class MTLCompileOptions {}

public protocol MTLBuffer: AnyObject {
  var length: Int { get }
  func contents() -> UnsafeMutableRawPointer
}

public protocol MTLFunction: AnyObject {}

public protocol MTLLibrary: AnyObject {
  func makeFunction(name functionName: String) -> MTLFunction?
}

public protocol MTLComputePipelineState: AnyObject {
  var maxTotalThreadsPerThreadgroup: Int { get }
}

public protocol MTLCommandEncoder: AnyObject {
  func endEncoding()
}

public protocol MTLComputeCommandEncoder: MTLCommandEncoder {
  func setComputePipelineState(_ state: MTLComputePipelineState)
  func setBuffer(_ buffer: MTLBuffer?, offset: Int, index: Int)
  func memoryBarrier(scope: MTLBarrierScope)
  func dispatchThreadgroups(_ threadgroupsPerGrid: MTLSize, threadsPerThreadgroup: MTLSize)
}

public protocol MTLBlitCommandEncoder: MTLCommandEncoder {
  func copy(from sourceBuffer: MTLBuffer, sourceOffset: Int, to destinationBuffer: MTLBuffer, destinationOffset: Int, size: Int)
}

public protocol MTLCommandBuffer: AnyObject {
  var status: MTLCommandBufferStatus { get }
  var error: Error? { get }
  func makeComputeCommandEncoder(dispatchType: MTLDispatchType) -> MTLComputeCommandEncoder?
  func makeBlitCommandEncoder() -> MTLBlitCommandEncoder?
  func commit()
  func waitUntilCompleted()
}

public protocol MTLCommandQueue: AnyObject {
  func makeCommandBuffer() -> MTLCommandBuffer?
}

public protocol MTLDevice: AnyObject {
  var name: String { get }
  func makeCommandQueue() -> MTLCommandQueue?
  func makeBuffer(length: Int, options: MTLResourceOptions) -> MTLBuffer?
  func makeDefaultLibrary() -> MTLLibrary?
  func makeLibrary(source: String, options: MTLCompileOptions?) throws -> MTLLibrary
  func makeComputePipelineState(function computeFunction: MTLFunction) throws -> MTLComputePipelineState
}

public func MTLCreateSystemDefaultDevice() -> MTLDevice? { return StandInDevice() }

typealias Kernel = @convention(c) (
  UnsafeMutablePointer<UnsafeMutableRawPointer?>, UnsafePointer<UInt32>, UnsafePointer<UInt32>, UInt32, UInt32
) -> Int32

struct Refusal: LocalizedError {
  let errorDescription: String?
}

final class StandInBuffer: MTLBuffer {
  let length: Int
  let bytes: UnsafeMutableRawPointer
  let hidden: Bool

  init(_ length: Int, hidden: Bool) {
    self.length = length
    self.hidden = hidden
    bytes = UnsafeMutableRawPointer.allocate(byteCount: length, alignment: 64)
    memset(bytes, 0xAA, length)
  }

  deinit { bytes.deallocate() }

  func contents() -> UnsafeMutableRawPointer {
    precondition(!hidden, "the CPU doesn't see a private buffer")
    return bytes
  }
}

final class StandInFunction: MTLFunction, MTLComputePipelineState {
  let kernel: Kernel
  let maxTotalThreadsPerThreadgroup = 1024

  init(_ kernel: @escaping Kernel) { self.kernel = kernel }
}

final class StandInLibrary: MTLLibrary {
  private let handle = dlopen(ProcessInfo.processInfo.environment["METAL_KERNELS"] ?? "", RTLD_NOW)

  func makeFunction(name functionName: String) -> MTLFunction? {
    guard let found = dlsym(handle, functionName + "__groups") else { return nil }
    return StandInFunction(unsafeBitCast(found, to: Kernel.self))
  }
}

final class StandInCommands: MTLCommandBuffer {
  var work: [() -> Void] = []
  private(set) var status = MTLCommandBufferStatus.notEnqueued
  let error: Error? = nil

  func makeComputeCommandEncoder(dispatchType: MTLDispatchType) -> MTLComputeCommandEncoder? {
    precondition(dispatchType == .concurrent, "launches one after another")
    return StandInEncoder(self)
  }

  func makeBlitCommandEncoder() -> MTLBlitCommandEncoder? { return StandInEncoder(self) }

  func commit() {
    precondition(status == .notEnqueued, "committed twice")
    for command in work { command() }
    status = .completed
  }

  func waitUntilCompleted() { precondition(status == .completed, "nothing to wait for") }
}

final class StandInEncoder: MTLComputeCommandEncoder, MTLBlitCommandEncoder {
  private let commands: StandInCommands
  private var since: [() -> Void] = []  // launches since the last barrier
  private var function: StandInFunction?
  private var places = [UnsafeMutableRawPointer?](repeating: nil, count: 32)

  init(_ commands: StandInCommands) { self.commands = commands }

  func setComputePipelineState(_ state: MTLComputePipelineState) { function = state as? StandInFunction }

  func setBuffer(_ buffer: MTLBuffer?, offset: Int, index: Int) {
    guard let fake = buffer as? StandInBuffer, offset < fake.length, index < 31 else { fatalError("no such place for a kernel") }
    places[index] = fake.bytes + offset
  }

  func memoryBarrier(scope: MTLBarrierScope) {
    precondition(scope == .buffers, "a barrier for textures")
    commands.work += since.reversed()
    since = []
  }

  func dispatchThreadgroups(_ threadgroupsPerGrid: MTLSize, threadsPerThreadgroup: MTLSize) {
    guard let kernel = function?.kernel else { fatalError("no pipeline") }
    var bound = places
    let words = { (size: MTLSize) in [UInt32(size.width), UInt32(size.height), UInt32(size.depth)] }
    let (grid, threads) = (words(threadgroupsPerGrid), words(threadsPerThreadgroup))
    since.append {
      let failed = kernel(&bound, grid, threads, 0, grid[0] * grid[1] * grid[2])
      precondition(failed == 0, "not all threads reach a barrier")
    }
  }

  func copy(from sourceBuffer: MTLBuffer, sourceOffset: Int, to destinationBuffer: MTLBuffer, destinationOffset: Int, size: Int) {
    guard let source = sourceBuffer as? StandInBuffer, let target = destinationBuffer as? StandInBuffer else { fatalError() }
    precondition(size % 4 == 0 && sourceOffset % 4 == 0 && destinationOffset % 4 == 0, "macOS copies whole words")
    precondition(sourceOffset + size <= source.length && destinationOffset + size <= target.length, "a copy of what isn't there")
    commands.work.append { memcpy(target.bytes + destinationOffset, source.bytes + sourceOffset, size) }
  }

  func endEncoding() { memoryBarrier(scope: .buffers) }
}

final class StandInQueue: MTLCommandQueue {
  func makeCommandBuffer() -> MTLCommandBuffer? { return StandInCommands() }
}

final class StandInDevice: MTLDevice {
  let name = "the stand-in"

  func makeCommandQueue() -> MTLCommandQueue? { return StandInQueue() }

  func makeBuffer(length: Int, options: MTLResourceOptions) -> MTLBuffer? {
    return StandInBuffer(length, hidden: options == .storageModePrivate)
  }

  func makeDefaultLibrary() -> MTLLibrary? { return StandInLibrary() }

  func makeLibrary(source: String, options: MTLCompileOptions?) throws -> MTLLibrary {
    if source.contains("nonsense") { throw Refusal(errorDescription: "what does nonsense mean?") }
    return StandInLibrary()
  }

  func makeComputePipelineState(function computeFunction: MTLFunction) throws -> MTLComputePipelineState {
    guard let made = computeFunction as? StandInFunction else { throw Refusal(errorDescription: "another device's function") }
    return made
  }
}
