#if ISAL
  import CISAL

  /// Inflate by ISA-L: two to three times as fast as zlib.
  final class ISALInflate: InflateEngine {
    private let state: UnsafeMutablePointer<inflate_state>

    init() {
      let memory = UnsafeMutableRawPointer.allocate(
        byteCount: MemoryLayout<inflate_state>.size, alignment: MemoryLayout<inflate_state>.alignment)
      state = memory.bindMemory(to: inflate_state.self, capacity: 1)
      isal_inflate_init(state)
    }

    deinit { state.deallocate() }

    func reset() { isal_inflate_reset(state) }

    func inflate(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws -> InflateStep {
      let available = UInt32(clamping: input.count), room = UInt32(clamping: output.count)
      state.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
      state.pointee.avail_in = available
      state.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
      state.pointee.avail_out = room
      let result = isal_inflate(state)
      let produced = Int(room - state.pointee.avail_out)
      guard result >= 0 else { throw DamagedDeflate(produced: produced) }
      var step = InflateStep(consumed: Int(available - state.pointee.avail_in), produced: produced, isFinished: false)
      if state.pointee.block_state == ISAL_BLOCK_FINISH {
        step.isFinished = true
        // The bit buffer may hold whole bytes of what follows the stream.
        let bits = Int(state.pointee.read_in_length)
        step.lookaheadCount = bits / 8
        step.lookahead = state.pointee.read_in >> UInt64(bits % 8)
        state.pointee.read_in_length = 0
      }
      return step
    }

    func crc(_ crc: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
      crc32_gzip_refl(crc, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
    }
  }
#endif
