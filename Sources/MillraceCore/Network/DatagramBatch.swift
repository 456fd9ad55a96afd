import CKernels
import Glibc

/// Room for datagrams that are received with one call, used again for the next.
public final class DatagramBatch: @unchecked Sendable {
  /// Most datagrams of one call.
  public static let capacity = 128
  /// A datagram over IP has at most 65,507 bytes. The odd distance keeps them from the same lines of the cache.
  private static let stride = (64 << 10) + 320

  /// Datagrams received last.
  public private(set) var count = 0
  private let room: UnsafeMutableRawPointer
  private let datagrams: UnsafeMutablePointer<ck_datagram>

  /// An empty batch.
  public init() {
    room = .allocate(byteCount: DatagramBatch.capacity * DatagramBatch.stride, alignment: 64)
    datagrams = .allocate(capacity: DatagramBatch.capacity)
    for index in 0..<DatagramBatch.capacity {
      var datagram = ck_datagram()
      datagram.bytes = room + index * DatagramBatch.stride
      datagram.capacity = 64 << 10
      (datagrams + index).initialize(to: datagram)
    }
  }

  deinit {
    datagrams.deallocate()
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
