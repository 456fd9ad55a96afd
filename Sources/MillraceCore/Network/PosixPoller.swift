import CKernels
import Glibc

/// Waits for sockets with epoll.
final class PosixPoller: NetworkPoller, @unchecked Sendable {
  private static let wakeTag = UInt64.max
  private static let room = 64
  private let descriptor: Int32
  private let waker: Int32
  private let events: UnsafeMutablePointer<ck_event>

  init() throws {
    descriptor = ck_poller_create()
    waker = ck_waker_create()
    events = .allocate(capacity: PosixPoller.room)
    if descriptor < 0 || waker < 0 { throw PosixNetwork.failure() }
    ck_poller_watch(descriptor, waker, PosixPoller.wakeTag, 1, 0)
  }

  deinit {
    if waker >= 0 { close(waker) }
    if descriptor >= 0 { close(descriptor) }
    events.deallocate()
  }

  private func watch(_ socket: any NetworkSocket, _ tag: Int, _ interest: Int32, isKnown: Bool) {
    guard let socket = socket as? PosixSocket, socket.descriptor >= 0 else { return }
    ck_poller_watch(descriptor, socket.descriptor, UInt64(tag), interest, isKnown ? 1 : 0)
  }

  // The bits are those of `CK_READABLE` and `CK_WRITABLE`.
  func add(_ socket: any NetworkSocket, tag: Int, _ interest: NetworkInterest) {
    watch(socket, tag, Int32(interest.rawValue), isKnown: false)
  }

  func change(_ socket: any NetworkSocket, tag: Int, _ interest: NetworkInterest) {
    watch(socket, tag, Int32(interest.rawValue), isKnown: true)
  }

  func remove(_ socket: any NetworkSocket) { watch(socket, 0, -1, isKnown: true) }

  func wait(microseconds: Int64?) -> [NetworkEvent] {
    // A wait that is too short would come round and round: it is rounded up.
    let milliseconds = microseconds.map { Int32(clamping: (max($0, 0) + 999) / 1000) } ?? -1
    let count = ck_poller_wait(descriptor, events, Int32(PosixPoller.room), milliseconds)
    var result: [NetworkEvent] = []
    for index in 0..<max(Int(count), 0) {
      let event = events[index]
      if event.tag == PosixPoller.wakeTag {
        var count: UInt64 = 0
        _ = read(waker, &count, 8)
        continue
      }
      result.append(
        NetworkEvent(
          tag: Int(truncatingIfNeeded: event.tag),
          ready: NetworkInterest(rawValue: UInt8(truncatingIfNeeded: event.ready))))
    }
    return result
  }

  func wake() {
    var one: UInt64 = 1
    _ = write(waker, &one, 8)
  }
}
