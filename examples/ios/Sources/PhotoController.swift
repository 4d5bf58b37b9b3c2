import UIKit

/// Shows a photo with a frame around every face.
final class PhotoController: UIViewController {
  private let imageView = UIImageView()
  private let queue = DispatchQueue(label: "faces")

  override func viewDidLoad() {
    super.viewDidLoad()
    imageView.contentMode = .scaleAspectFit
    view = imageView
    queue.async {
      let result = Result { try PhotoController.framed() }
      DispatchQueue.main.async { self.show(result) }
    }
  }

  private func show(_ result: Result<UIImage, Error>) {
    switch result {
    case .success(let image):
      imageView.image = image
    case .failure(let error):
      let alert = UIAlertController(title: "No faces", message: "\(error)", preferredStyle: .alert)
      present(alert, animated: true, completion: nil)
    }
  }

  private static func framed() throws -> UIImage {
    guard let photo = UIImage(named: "photo.jpg"), let bundle = Bundle.main.url(forResource: "face", withExtension: nil) else {
      throw CocoaError(.fileNoSuchFile)
    }
    let faces = try FaceDetector(bundle: bundle).detect(pixels: pixels(of: photo))
    return UIGraphicsImageRenderer(size: photo.size).image { context in
      photo.draw(in: CGRect(origin: .zero, size: photo.size))
      UIColor.green.setStroke()
      for face in faces {
        let width = CGFloat(face.right - face.left) * photo.size.width
        let height = CGFloat(face.bottom - face.top) * photo.size.height
        let x = CGFloat(face.left) * photo.size.width
        context.stroke(CGRect(x: x, y: CGFloat(face.top) * photo.size.height, width: width, height: height))
      }
    }
  }

  /// The photo, squeezed into the model's square.
  private static func pixels(of photo: UIImage) -> [UInt8] {
    let side = FaceDetector.side
    var made = [UInt8](repeating: 0, count: 4 * side * side)
    made.withUnsafeMutableBytes { bytes in
      let context = CGContext(
        data: bytes.baseAddress, width: side, height: side, bitsPerComponent: 8, bytesPerRow: 4 * side,
        space: CGColorSpaceCreateDeviceRGB(), bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
      if let context = context, let image = photo.cgImage {
        context.draw(image, in: CGRect(x: 0, y: 0, width: side, height: side))
      }
    }
    return made
  }
}
