// What hosts call of TensorFlow Lite's Swift API, with its signatures, for models whose outputs are their inputs.
import Foundation

public struct Refusal: Error {}

public struct Tensor {
  public struct Shape {
    public let dimensions: [Int]
    public init(_ dimensions: [Int]) { self.dimensions = dimensions }
  }

  public let shape: Shape
  public let data: Data
}

public final class Interpreter {
  public struct Options {
    public var threadCount: Int?
    public init() {}
  }

  private var given = [Tensor](repeating: Tensor(shape: Tensor.Shape([]), data: Data(count: 4)), count: 4)
  private var results: [Tensor] = []
  private var allocated = false

  public init(modelPath: String, options: Options? = nil) throws {
    guard let file = FileManager.default.contents(atPath: modelPath), file.dropFirst(4).starts(with: Data("TFL3".utf8)) else {
      throw Refusal()
    }
  }

  public func allocateTensors() throws { allocated = true }

  public func resizeInput(at index: Int, to shape: Tensor.Shape) throws {
    given[index] = Tensor(shape: shape, data: Data(count: 4 * shape.dimensions.reduce(1, *)))
    allocated = false
  }

  public func input(at index: Int) throws -> Tensor { return given[index] }

  public func output(at index: Int) throws -> Tensor {
    guard index < results.count else { throw Refusal() }
    return results[index]
  }

  @discardableResult
  public func copy(_ data: Data, toInputAt index: Int) throws -> Tensor {
    guard allocated, data.count == given[index].data.count else { throw Refusal() }
    given[index] = Tensor(shape: given[index].shape, data: data)
    return given[index]
  }

  public func invoke() throws { results = given }
}
