/// A `${…}` in a string of a pipeline file that was replaced. Counts are of Unicode scalars.
package struct TextReplacement: Hashable, Sendable {
  /// Where what was put in begins in the resolved text.
  var start: Int
  /// How much was put in.
  var count: Int
  /// How long the reference is that stands in the file.
  var spelledCount: Int

  /// Where in the text of the file a place of the resolved text stands; inside of what was put in, where its reference begins.
  static func spelledPlace(of place: Int, _ replacements: [TextReplacement]) -> Int {
    var shift = 0
    for replacement in replacements {
      if place < replacement.start { break }
      if place < replacement.start + replacement.count { return replacement.start + shift }
      shift += replacement.spelledCount - replacement.count
    }
    return place + shift
  }
}
