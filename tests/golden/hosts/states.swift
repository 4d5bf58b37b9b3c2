// small on Metal, made by tflgpuc. Don't edit.
//
//   let model = try SmallModel(device: device, directory: bundle)
//   var outputs = SmallModel.Outputs()
//   try model.run(SmallModel.Inputs(...), &outputs)
//
// For iOS 12 and macOS 10.14 and up.
//
// Threads: one at a time may call a model, any at all. Models don't disturb each other.
// Waiting: run waits for its result. What encode has put into a command buffer runs when that buffer does: don't call run or
// reset before it has completed, and commit buffers with runs of a model in the order in which they were encoded, to one queue.
// Errors: what fails throws Failure, or what Foundation and Metal throw. After a run that failed, reset the model's states.
// Memory: buffers and pipelines are made with the model; a run makes only its command buffer and encoders, which go with the
// caller's autorelease pool.
import Foundation
import Metal

public final class SmallModel {
  /// What went wrong, with Metal's own words where it has some.
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// A range of a buffer of the model's device, from a multiple of 256 on.
  public struct Buffer {
    public var buffer: MTLBuffer
    public var offset: Int

    public init(_ buffer: MTLBuffer, offset: Int = 0) {
      self.buffer = buffer
      self.offset = offset
    }
  }

  /// Row-major arrays in the order of their shapes.
  public struct Inputs {
    public var x = [Float](repeating: 0, count: 2)  // f32 2

    public init() {}
  }

  /// Where results go; the same value for every run makes no new arrays.
  public struct Outputs {
    public var y = [Float](repeating: 0, count: 2)  // f32 2
    public var z = [Float](repeating: 0, count: 2)  // f32 2

    public init() {}
  }

  /// The same arrays in buffers, of so many bytes: elements lie side by side, and the last word is the buffer's
  /// own. nil stands for the model's own buffer.
  public struct GpuInputs {
    public var x: Buffer?  // 8 bytes

    public init() {}
  }

  /// Where results go on the GPU.
  public struct GpuOutputs {
    public var y: Buffer?  // 8 bytes
    public var z: Buffer?  // 8 bytes

    public init() {}
  }

  private var queue: MTLCommandQueue?
  private var pipelines: [MTLComputePipelineState] = []
  private var buffers: [MTLBuffer] = []
  // What each buffer is in this run.
  private var bound: [Buffer] = []

  /// The model from its bundle's folder; Metal compiles the source there.
  public convenience init(device: MTLDevice, directory: URL) throws {
    let weights = try Data(contentsOf: directory.appendingPathComponent("weights.bin"))
    let source = try String(contentsOf: directory.appendingPathComponent("msl/small.metal"), encoding: .utf8)
    let library = try device.makeLibrary(source: source, options: nil)
    try self.init(device: device, library: library, weights: weights)
  }

  /// The model from a library that was compiled with the app, such as the default one, and the bytes of weights.bin.
  public init(device: MTLDevice, library: MTLLibrary, weights: Data) throws {
    try addPipeline(device, library, "add_1x1x2", threads: 1)
    try addPipeline(device, library, "add_1x1x2_2", threads: 1)
    try addPipeline(device, library, "copy_1x1x2", threads: 2)
    try addBuffer(device, 512, .storageModePrivate)  // 0: arena
    try addBuffer(device, 16, .storageModeShared)  // 1: weights
    try addBuffer(device, 16, .storageModeShared)  // 2: input:x
    try addBuffer(device, 16, .storageModeShared)  // 3: state:v
    try addBuffer(device, 16, .storageModeShared)  // 4: state:w
    guard weights.count == 8 else { throw Failure(description: "weights.bin isn't this model's") }
    weights.withUnsafeBytes { address(1, 0, weights.count).copyMemory(from: $0) }
    queue = device.makeCommandQueue()
    guard queue != nil else { throw Failure(description: "no command queue") }
    reset()
  }

  /// One inference: from the arrays of `inputs` to those of `outputs`. Waits for the GPU.
  public func run(_ inputs: Inputs, _ outputs: inout Outputs) throws {
    guard let queue = queue else { throw Failure(description: "the model is closed") }
    try expect(inputs.x.count == 2, "input x")
    try expect(outputs.y.count == 2, "output y")
    try expect(outputs.z.count == 2, "output z")
    inputs.x.withUnsafeBytes { address(2, 0, 8).copyMemory(from: $0) }
    guard let commands = queue.makeCommandBuffer() else { throw Failure(description: "no command buffer") }
    try encode(into: commands, GpuInputs(), GpuOutputs())
    commands.commit()
    commands.waitUntilCompleted()
    if commands.status != .completed {
      throw Failure(description: "the run: \(commands.error?.localizedDescription ?? "not completed")")
    }
    outputs.y.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(address(3, 0, 8))) }
    outputs.z.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(address(4, 0, 8))) }
  }

  /// One inference from buffers to buffers, as part of a command buffer of the app. Doesn't wait.
  public func encode(into commands: MTLCommandBuffer, _ inputs: GpuInputs, _ outputs: GpuOutputs) throws {
    guard queue != nil else { throw Failure(description: "the model is closed") }
    for i in 0..<buffers.count { bound[i] = Buffer(buffers[i]) }
    if let own = inputs.x { bound[2] = own }
    let encoder = try self.encoder(commands)
    steps0(encoder)
    encoder.endEncoding()
    try copy(place(3, 0), outputs.y, 8, commands)
    try copy(place(4, 0), outputs.z, 8, commands)
  }

  /// The model's own buffers, which are the ones that encode takes for nil. The CPU sees their contents too.
  public var gpuInputs: GpuInputs {
    var own = GpuInputs()
    guard !buffers.isEmpty else { return own }
    own.x = Buffer(buffers[2], offset: 0)
    return own
  }

  /// The model's own buffers for results.
  public var gpuOutputs: GpuOutputs {
    var own = GpuOutputs()
    guard !buffers.isEmpty else { return own }
    own.y = Buffer(buffers[3], offset: 0)
    own.z = Buffer(buffers[4], offset: 0)
    return own
  }

  /// Puts every state back to what it is before the first run.
  public func reset() {
    guard !buffers.isEmpty else { return }
    address(3, 0, 8).copyMemory(from: UnsafeRawBufferPointer(address(1, 0, 8)))
    memset(buffers[4].contents() + 0, 0, 8)
  }

  /// Lets buffers and pipelines go before the model itself.
  public func close() {
    queue = nil
    pipelines = []
    buffers = []
    bound = []
  }

  private func steps0(_ encoder: MTLComputeCommandEncoder) {
    // ADD 5
    bind(encoder, 0, 0, 0)
    bind(encoder, 1, 3, 0)
    bind(encoder, 2, 2, 0)
    launch(encoder, 0, MTLSizeMake(1, 1, 1), MTLSizeMake(1, 1, 1))
    // ADD 6
    encoder.memoryBarrier(scope: .buffers)
    bind(encoder, 0, 0, 256)
    bind(encoder, 1, 4, 0)
    bind(encoder, 2, 0, 0)
    launch(encoder, 1, MTLSizeMake(1, 1, 1), MTLSizeMake(1, 1, 1))
    // ADD 5
    bind(encoder, 0, 3, 0)
    bind(encoder, 1, 0, 0)
    launch(encoder, 2, MTLSizeMake(1, 1, 1), MTLSizeMake(1, 2, 1))
    // ADD 6
    encoder.memoryBarrier(scope: .buffers)
    bind(encoder, 0, 4, 0)
    bind(encoder, 1, 0, 256)
    launch(encoder, 2, MTLSizeMake(1, 1, 1), MTLSizeMake(1, 2, 1))
  }

  private func encoder(_ commands: MTLCommandBuffer) throws -> MTLComputeCommandEncoder {
    guard let made = commands.makeComputeCommandEncoder(dispatchType: .concurrent) else {
      throw Failure(description: "no encoder")
    }
    return made
  }

  private func bind(_ encoder: MTLComputeCommandEncoder, _ index: Int, _ buffer: Int, _ offset: Int) {
    encoder.setBuffer(bound[buffer].buffer, offset: bound[buffer].offset + offset, index: index)
  }

  private func launch(_ encoder: MTLComputeCommandEncoder, _ pipeline: Int, _ groups: MTLSize, _ group: MTLSize) {
    encoder.setComputePipelineState(pipelines[pipeline])
    encoder.dispatchThreadgroups(groups, threadsPerThreadgroup: group)
  }

  private func addPipeline(_ device: MTLDevice, _ library: MTLLibrary, _ name: String, threads: Int) throws {
    guard let function = library.makeFunction(name: name) else {
      throw Failure(description: "\(name): the library has no such function")
    }
    let pipeline = try device.makeComputePipelineState(function: function)
    guard pipeline.maxTotalThreadsPerThreadgroup >= threads else {
      throw Failure(description: "\(name): too many threads for this device")
    }
    pipelines.append(pipeline)
  }

  private func addBuffer(_ device: MTLDevice, _ bytes: Int, _ options: MTLResourceOptions) throws {
    guard let buffer = device.makeBuffer(length: bytes, options: options) else {
      throw Failure(description: "no buffer of \(bytes) bytes")
    }
    buffers.append(buffer)
    bound.append(Buffer(buffer))
  }

  private func expect(_ fits: Bool, _ what: String) throws {
    if !fits { throw Failure(description: "\(what) isn't what the model has") }
  }

  /// Bytes of the model's own buffers that the CPU sees.
  private func address(_ buffer: Int, _ offset: Int, _ bytes: Int) -> UnsafeMutableRawBufferPointer {
    return UnsafeMutableRawBufferPointer(start: buffers[buffer].contents() + offset, count: bytes)
  }

  private func place(_ buffer: Int, _ offset: Int) -> Buffer {
    return Buffer(bound[buffer].buffer, offset: bound[buffer].offset + offset)
  }

  /// From or to nil, which is the model's own, there is nothing to copy.
  private func copy(_ from: Buffer?, _ to: Buffer?, _ bytes: Int, _ commands: MTLCommandBuffer) throws {
    guard let from = from, let to = to, bytes > 0 else { return }
    if from.buffer === to.buffer && from.offset == to.offset { return }
    guard let encoder = commands.makeBlitCommandEncoder() else { throw Failure(description: "no encoder") }
    encoder.copy(from: from.buffer, sourceOffset: from.offset, to: to.buffer, destinationOffset: to.offset, size: bytes)
    encoder.endEncoding()
  }
}
