import Glibc
import Synchronization

/// Hands windows from workers that read splits to workers that have none left, so that the last file of a batch, or its only one, keeps
/// all threads busy: one inflates, all compute.
final class WindowExchange: @unchecked Sendable {
  /// A window with the split that it is of.
  struct Item {
    var window: WindowReader.Window
    var split: Int
    var name: String
  }

  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>
  /// Workers that help, looked at without the lock for each window.
  private let helpers = Atomic<Int>(0)
  // Guarded by `mutex`.
  private var items: [Item] = []
  private var readers: Int

  /// An exchange for `readers` workers, all of which read at first.
  init(readers: Int) {
    self.readers = readers
    mutex = .allocate(capacity: 1)
    changed = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  /// Gives a window away if a helper will soon be there for it; false if the reader does better to take it itself.
  func offer(_ item: @autoclosure () -> Item) -> Bool {
    let waiting = helpers.load(ordering: .relaxed)
    if waiting == 0 { return false }
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    if items.count >= waiting { return false }
    items.append(item())
    pthread_cond_signal(changed)
    return true
  }

  /// The calling worker reads no more; it calls `take` from now on.
  func becomeHelper() {
    pthread_mutex_lock(mutex)
    readers -= 1
    helpers.wrappingAdd(1, ordering: .relaxed)
    if readers == 0 { pthread_cond_broadcast(changed) }
    pthread_mutex_unlock(mutex)
  }

  /// The next window for a helper; nil once nobody reads any more and all windows are taken. Until there is one, `work` is done again and
  /// again, as long as it gives true.
  func take(meanwhile work: () -> Bool) -> Item? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    var hasWork = true
    while items.isEmpty && readers > 0 {
      if hasWork {
        pthread_mutex_unlock(mutex)
        hasWork = work()
        pthread_mutex_lock(mutex)
      } else {
        pthread_cond_wait(changed, mutex)
      }
    }
    return items.isEmpty ? nil : items.removeFirst()
  }
}
