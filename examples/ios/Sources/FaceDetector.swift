import Foundation
import Metal

/// A face: where it is, as shares of the picture, and how certain the model is.
struct Face {
  let left, top, right, bottom, score: Float

  init(x: Float, y: Float, width: Float, height: Float, score: Float) {
    left = x - width / 2
    top = y - height / 2
    right = x + width / 2
    bottom = y + height / 2
    self.score = score
  }

  /// The area that both share, as part of what they cover together.
  func overlap(_ other: Face) -> Float {
    let width = min(right, other.right) - max(left, other.left)
    let height = min(bottom, other.bottom) - max(top, other.top)
    if width <= 0 || height <= 0 { return 0 }
    return width * height / (area + other.area - width * height)
  }

  private var area: Float { return (right - left) * (bottom - top) }
}

/// Finds faces in small pictures. One thread at a time may call it.
final class FaceDetector {
  static let side = 128

  struct NoMetal: Error {}

  private static let leastScore: Float = 0.5
  private static let sameFace: Float = 0.3
  // The output's rows: so many guesses for every cell of two grids.
  private static let grids = [(side: 16, guesses: 2), (side: 8, guesses: 6)]

  private let model: FaceModel
  private var inputs = FaceModel.Inputs()
  private var outputs = FaceModel.Outputs()

  /// Takes the kernels that Xcode has compiled into the app; where there are none, Metal compiles their source now.
  init(bundle: URL) throws {
    guard let device = MTLCreateSystemDefaultDevice() else { throw NoMetal() }
    if let library = device.makeDefaultLibrary() {
      let weights = try Data(contentsOf: bundle.appendingPathComponent("weights.bin"))
      model = try FaceModel(device: device, library: library, weights: weights)
    } else {
      model = try FaceModel(device: device, directory: bundle)
    }
  }

  /// The faces in side x side pixels of four bytes: red, green, blue and one that doesn't matter.
  func detect(pixels: [UInt8]) throws -> [Face] {
    for i in 0..<FaceDetector.side * FaceDetector.side {
      for channel in 0..<3 { inputs.input[3 * i + channel] = Float(pixels[4 * i + channel]) / 127.5 - 1 }
    }
    try model.run(inputs, &outputs)

    var found: [Face] = []
    var row = 0
    for grid in FaceDetector.grids {
      for cell in 0..<grid.side * grid.side {
        let x = (Float(cell % grid.side) + 0.5) / Float(grid.side)
        let y = (Float(cell / grid.side) + 0.5) / Float(grid.side)
        for _ in 0..<grid.guesses {
          add(row, x, y, to: &found)
          row += 1
        }
      }
    }
    return found
  }

  /// Adds the row's face where it is one, and the best guess so far at that place.
  private func add(_ row: Int, _ x: Float, _ y: Float, to found: inout [Face]) {
    let score = 1 / (1 + exp(-outputs.classificators[row]))
    if score < FaceDetector.leastScore { return }
    let box = outputs.regressors[16 * row..<16 * row + 4].map { $0 / Float(FaceDetector.side) }
    let face = Face(x: x + box[0], y: y + box[1], width: box[2], height: box[3], score: score)
    let rivals = found.filter { $0.overlap(face) > FaceDetector.sameFace }
    if rivals.contains(where: { $0.score >= score }) { return }
    found.removeAll { $0.overlap(face) > FaceDetector.sameFace }
    found.append(face)
  }
}
