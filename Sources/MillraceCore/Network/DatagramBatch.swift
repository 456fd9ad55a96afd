import CKernels
import Glibc

/// Room for datagrams that are received with one call, used again for the next.
public final class DatagramBatch: @unchecked Sendable {
  /// Most datagrams of one call.
  public static let capacity = 128
  /// Room for what nearly all datagrams have, close together: few pages are touched. A datagram over IP has at most 65,507 bytes. The odd
  /// distances keep them from the same lines of the cache.
  private static let firstSize = 2 << 10
  private static let firstStride = firstSize + 64
  private static let largest = 64 << 10
  private static let stride = largest + 320

  /// Datagrams received last.
  public private(set) var count = 0
  private let firsts: UnsafeMutableRawPointer
  /// Touched only for what is longer.
  private let room: UnsafeMutableRawPointer
  private let datagrams: UnsafeMutablePointer<ck_datagram>

  /// An empty batch.
  public init() {
    firsts = .allocate(byteCount: DatagramBatch.capacity * DatagramBatch.firstStride, alignment: 64)
    room = .allocate(byteCount: DatagramBatch.capacity * DatagramBatch.stride, alignment: 64)
    datagrams = .allocate(capacity: DatagramBatch.capacity)
    for index in 0..<DatagramBatch.capacity {
      var datagram = ck_datagram()
      let first = firsts + index * DatagramBatch.firstStride
      let whole = room + index * DatagramBatch.stride
      datagram.first = first.assumingMemoryBound(to: UInt8.self)
      datagram.first_capacity = DatagramBatch.firstSize
      datagram.rest = (whole + DatagramBatch.firstSize).assumingMemoryBound(to: UInt8.self)
      datagram.rest_capacity = DatagramBatch.largest - DatagramBatch.firstSize
      (datagrams + index).initialize(to: datagram)
    }
  }

  deinit {
    datagrams.deallocate()
    firsts.deallocate()
    room.deallocate()
  }

  /// The bytes of a datagram, valid until the batch is filled again.
  public func bytes(_ index: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: datagrams[index].bytes, count: datagrams[index].count)
  }

  private func senderBytes(_ index: Int) -> UnsafeRawBufferPointer {
    let start = UnsafeRawPointer(datagrams + index) + MemoryLayout<ck_datagram>.offset(of: \.sender).unsafelyUnwrapped
    return UnsafeRawBufferPointer(start: start, count: Int(datagrams[index].sender_size))
  }

  /// Where a datagram came from.
  public func sender(_ index: Int) -> NetworkAddress { NetworkAddress(bytes: senderBytes(index)) }

  /// Whether two datagrams came from the same place.
  public func hasSameSender(_ one: Int, _ other: Int) -> Bool {
    let (first, second) = (senderBytes(one), senderBytes(other))
    guard first.count == second.count, let start = first.baseAddress, let end = second.baseAddress else { return false }
    return memcmp(start, end, first.count) == 0
  }

  /// Receives; gives the number of datagrams, or a negative one with `errno` set.
  func fill(_ descriptor: Int32) -> Int {
    let got = Int(ck_receive_datagrams(descriptor, datagrams, Int32(DatagramBatch.capacity)))
    count = max(got, 0)
    return got
  }
}
