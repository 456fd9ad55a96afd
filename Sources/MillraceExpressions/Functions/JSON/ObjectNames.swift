import CKernels

/// Names of members to look for in JSON objects, where a kernel can read them.
final class ObjectNames {
  let count: Int
  let names: UnsafeMutablePointer<ck_json_name>
  private let bytes: UnsafeMutablePointer<UInt8>

  init(_ names: [[UInt8]]) {
    count = names.count
    self.names = .allocate(capacity: max(1, names.count))
    bytes = .allocate(capacity: names.reduce(1) { $0 + $1.count })
    var at = bytes
    for (index, name) in names.enumerated() {
      at.initialize(from: name, count: name.count)
      self.names[index] = ck_json_name(bytes: at, length: name.count)
      at += name.count
    }
  }

  deinit {
    names.deallocate()
    bytes.deallocate()
  }
}
