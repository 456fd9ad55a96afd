import Glibc
import MillraceColumnar
import MillraceCore
import Testing

/// Much at a time over one connection and over several, taken as the journal takes it.
struct SocketPaceTests {
  /// Lines with a number in front, of many lengths.
  private static func lines(_ count: Int, _ sender: Int) -> [UInt8] {
    var text: [UInt8] = []
    for number in 0..<count {
      text += Array("\(sender) \(number) ".utf8)
      text += [UInt8](repeating: 0x78, count: number % 300)
      text.append(0x0A)
    }
    return text
  }

  /// Each sender's lines arrive whole and in order, and what is handed on stays as it is while more is received. A line that comes slowly
  /// behind much that came fast is not held back.
  @Test(arguments: [1, 5])
  func muchArrivesWhole(senders: Int) throws {
    let (harness, port) = try SourceHarness.listening()
    let texts = (0..<senders).map { Self.lines(120_000 / senders, $0) }
    let clients = (0..<senders).map { _ in LoopbackClient(port: port) }
    let workers = zip(clients, texts).map { client, text in
      nonisolated(unsafe) let client = client
      return Worker {
        for at in stride(from: 0, to: text.count, by: 100_000) {
          client.send(Array(text[at..<min(at + 100_000, text.count)]))
        }
      }
    }
    var slices: [MemorySlice] = []
    var received = 0
    let wanted = texts.reduce(0) { $0 + $1.count }
    while received < wanted {
      try harness.turn()
      received += harness.inbox.records.count
      slices.append(harness.inbox.records.takeSlice())
    }
    for worker in workers { worker.join() }
    var found = [[UInt8]](repeating: [], count: senders)
    for slice in slices {
      for line in slice.bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast() {
        found[Int(line[line.startIndex] - 0x30)] += Array(line) + [0x0A]
      }
    }
    #expect(found == texts)
    let start = SystemClock().monotonicNanoseconds()
    clients[0].send("0 last\n")
    #expect(try harness.lines(1) == ["0 last"])
    #expect(SystemClock().monotonicNanoseconds() - start < 1_000_000_000)
    harness.source.close()
  }
}
