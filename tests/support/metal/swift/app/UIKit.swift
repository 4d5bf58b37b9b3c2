// As much of Apple's UIKit and CoreGraphics as the sample for iOS uses, with their signatures, to check types against.
@_exported import Foundation

open class UIResponder {
  public init() {}
}

public class UIApplication {
  public struct LaunchOptionsKey: Hashable {}
}

public protocol UIApplicationDelegate: AnyObject {
  var window: UIWindow? { get set }
  func application(
    _ application: UIApplication, didFinishLaunchingWithOptions launchOptions: [UIApplication.LaunchOptionsKey: Any]?
  ) -> Bool
}

extension UIApplicationDelegate {
  public static func main() {}
}

open class UIView: UIResponder {
  public enum ContentMode: Int { case scaleToFill, scaleAspectFit }
  public var contentMode = ContentMode.scaleToFill

  public init(frame: CGRect) { super.init() }
  public override convenience init() { self.init(frame: .zero) }
}

public class UIWindow: UIView {
  public var rootViewController: UIViewController?
  public func makeKeyAndVisible() {}
}

public class UIScreen {
  nonisolated(unsafe) public static let main = UIScreen()
  public let bounds = CGRect.zero
}

open class UIViewController: UIResponder {
  public var view: UIView! = UIView()
  open func viewDidLoad() {}
  public func present(_ viewControllerToPresent: UIViewController, animated flag: Bool, completion: (() -> Void)?) {}
}

public class UIAlertController: UIViewController {
  public enum Style: Int { case actionSheet, alert }
  public convenience init(title: String?, message: String?, preferredStyle: Style) { self.init() }
}

public class UIImageView: UIView {
  public var image: UIImage?
}

public class UIColor {
  nonisolated(unsafe) public static let green = UIColor()
  public func setStroke() {}
}

public class CGImage {}

public class UIImage {
  public let size = CGSize.zero
  public let cgImage: CGImage? = nil
  public init?(named name: String) {}
  init() {}
  public func draw(in rect: CGRect) {}
}

public class UIGraphicsImageRendererContext {
  public func stroke(_ rect: CGRect) {}
}

public class UIGraphicsImageRenderer {
  public init(size: CGSize) {}
  public func image(actions: (UIGraphicsImageRendererContext) -> Void) -> UIImage { return UIImage() }
}

public class CGColorSpace {}

public func CGColorSpaceCreateDeviceRGB() -> CGColorSpace { return CGColorSpace() }

public enum CGImageAlphaInfo: UInt32 {
  case none, premultipliedLast, premultipliedFirst, last, first, noneSkipLast
}

public class CGContext {
  public init?(
    data: UnsafeMutableRawPointer?, width: Int, height: Int, bitsPerComponent: Int, bytesPerRow: Int, space: CGColorSpace,
    bitmapInfo: UInt32
  ) {}
  public func draw(_ image: CGImage, in rect: CGRect) {}
}
