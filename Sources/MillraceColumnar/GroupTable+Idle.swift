/// A table whose groups are read for a while and whose keys are not looked for: its slots, most of its memory, can serve for something else
/// meanwhile.
extension GroupTable {
  /// Gives the memory of the slots back until a key is next added. Rows that were counted must have been taken, and `find` must not be
  /// called before.
  public func releaseSlots() {
    guard hasSlots else { return }
    hasSlots = false
    slots.deallocate()
    slots = SlotArray()
    if references != nil {
      references?.deallocate()
      references = SlotArray()
    }
  }

  /// Makes the slots again, which takes less time per group than adding a row to it.
  @inline(never)
  func restoreSlots() {
    hasSlots = true
    let groups = (0..<UInt32(truncatingIfNeeded: groupCount)).filter { !isFree(Int($0)) }
    if references != nil { references?.reserve(groups.count) } else { slots.reserve(groups.count) }
    liveCount -= groups.count
    relink(groups, count: groups.count)
  }
}
