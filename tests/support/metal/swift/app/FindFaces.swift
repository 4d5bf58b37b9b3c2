// Prints the faces that the sample for iOS finds: BUNDLE PIXELS.
import Foundation

@main
struct FindFaces {
  static func main() throws {
    let pixels = try Data(contentsOf: URL(fileURLWithPath: CommandLine.arguments[2]))
    let detector = try FaceDetector(bundle: URL(fileURLWithPath: CommandLine.arguments[1]))
    for face in try detector.detect(pixels: [UInt8](pixels)) { print(face.left, face.top, face.right, face.bottom) }
  }
}
