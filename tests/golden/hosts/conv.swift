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
    public var image = [Float](repeating: 0, count: 84)  // f32 1 x 6 x 7 x 2

    public init() {}
  }

  /// Where results go; the same value for every run makes no new arrays.
  public struct Outputs {
    public var scores = [Float](repeating: 0, count: 60)  // f32 1 x 4 x 3 x 5

    public init() {}
  }

  /// The same arrays in buffers, of so many bytes: elements lie side by side, and the last word is the buffer's
  /// own. nil stands for the model's own buffer.
  public struct GpuInputs {
    public var image: Buffer?  // 336 bytes

    public init() {}
  }

  /// Where results go on the GPU.
  public struct GpuOutputs {
    public var scores: Buffer?  // 240 bytes

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
    try addPipeline(device, library, "conv_2d_4x3x5", threads: 32)
    try addBuffer(device, 16, .storageModePrivate)  // 0: arena
    try addBuffer(device, 1184, .storageModeShared)  // 1: weights
    try addBuffer(device, 336, .storageModeShared)  // 2: input:image
    try addBuffer(device, 240, .storageModeShared)  // 3: output:scores
    guard weights.count == 1184 else { throw Failure(description: "weights.bin isn't this model's") }
    weights.withUnsafeBytes { address(1, 0, weights.count).copyMemory(from: $0) }
    queue = device.makeCommandQueue()
    guard queue != nil else { throw Failure(description: "no command queue") }
    reset()
  }

  /// One inference: from the arrays of `inputs` to those of `outputs`. Waits for the GPU.
  public func run(_ inputs: Inputs, _ outputs: inout Outputs) throws {
    guard let queue = queue else { throw Failure(description: "the model is closed") }
    try expect(inputs.image.count == 84, "input image")
    try expect(outputs.scores.count == 60, "output scores")
    inputs.image.withUnsafeBytes { address(2, 0, 336).copyMemory(from: $0) }
    guard let commands = queue.makeCommandBuffer() else { throw Failure(description: "no command buffer") }
    try encode(into: commands, GpuInputs(), GpuOutputs())
    commands.commit()
    commands.waitUntilCompleted()
    if commands.status != .completed {
      throw Failure(description: "the run: \(commands.error?.localizedDescription ?? "not completed")")
    }
    outputs.scores.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(address(3, 0, 240))) }
  }

  /// One inference from buffers to buffers, as part of a command buffer of the app. Doesn't wait.
  public func encode(into commands: MTLCommandBuffer, _ inputs: GpuInputs, _ outputs: GpuOutputs) throws {
    guard queue != nil else { throw Failure(description: "the model is closed") }
    for i in 0..<buffers.count { bound[i] = Buffer(buffers[i]) }
    if let own = inputs.image { bound[2] = own }
    if let own = outputs.scores { bound[3] = own }
    let encoder = try self.encoder(commands)
    steps0(encoder)
    encoder.endEncoding()
  }

  /// The model's own buffers, which are the ones that encode takes for nil. The CPU sees their contents too.
  public var gpuInputs: GpuInputs {
    var own = GpuInputs()
    guard !buffers.isEmpty else { return own }
    own.image = Buffer(buffers[2], offset: 0)
    return own
  }

  /// The model's own buffers for results.
  public var gpuOutputs: GpuOutputs {
    var own = GpuOutputs()
    guard !buffers.isEmpty else { return own }
    own.scores = Buffer(buffers[3], offset: 0)
    return own
  }

  /// Puts every state back to what it is before the first run.
  public func reset() {
  }

  /// Lets buffers and pipelines go before the model itself.
  public func close() {
    queue = nil
    pipelines = []
    buffers = []
    bound = []
  }

  private func steps0(_ encoder: MTLComputeCommandEncoder) {
    // CONV_2D 0, LOGISTIC 1
    bind(encoder, 0, 3, 0)
    bind(encoder, 1, 2, 0)
    bind(encoder, 2, 1, 0)
    launch(encoder, 0, MTLSizeMake(1, 1, 1), MTLSizeMake(4, 4, 2))
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
