import Testing

@testable import MillraceExpressions

/// LIKE against a matcher that tries everything, over all short patterns and texts of a small alphabet.
@Suite struct LikeMatcherTests {
  @Test func agreesWithTryingEverything() throws {
    let texts = Self.words("abé", upTo: 5)
    for pattern in Self.words("ab%_", upTo: 4) + ["%ab%ba%", "%a_b%é", "a%b%a%b", "%é_%a%", "_%_%aé%"] {
      let matcher = try LikeMatcher(pattern, escape: "\\")
      for text in texts {
        let expected = Self.matches(Array(pattern)[...], Array(text)[...])
        var copy = text
        let found = copy.withUTF8 { matcher.matches(UnsafeRawBufferPointer($0)) }
        if found != expected { Issue.record("'\(text)' LIKE '\(pattern)' gave \(found)") }
      }
    }
  }

  /// All words over an alphabet with at most so many letters.
  private static func words(_ alphabet: String, upTo length: Int) -> [String] {
    var all = [""]
    var last = [""]
    for _ in 0..<length {
      last = last.flatMap { word in alphabet.map { word + String($0) } }
      all += last
    }
    return all
  }

  private static func matches(_ pattern: ArraySlice<Character>, _ text: ArraySlice<Character>) -> Bool {
    guard let first = pattern.first else { return text.isEmpty }
    if first == "%" {
      return (text.startIndex...text.endIndex).contains { matches(pattern.dropFirst(), text[$0...]) }
    }
    guard let next = text.first, first == "_" || first == next else { return false }
    return matches(pattern.dropFirst(), text.dropFirst())
  }
}
