import MillraceColumnar

/// `sentences`: the words of each sentence of a text.
///
/// A sentence ends at `.`, `!` or `?` before a space that no lower-case letter follows. A word is letters and digits, with what joins
/// them inside: apostrophes and hyphens, points, and commas between digits.
enum Sentences {
  static let function = ScalarFunction(
    "sentences", summary: "The sentences of a text, each as an array of its words.",
    example: "sentences('Hi there! Good morning.')"
  ) { (arguments: [Expression], context: BindingContext) in
    let bound = try Arguments.coerce("sentences", arguments, [.string, .string, .string], counts: 1...3, context)
    let type = DataType.array(
      element: .array(element: .string, containsNull: false), containsNull: false)
    return Bind.call("sentences", [bound[0]], type) { vectors, count in
      let (rows, isConstant) = storedRows(vectors, count)
      let built = buildLists(type, vectors, rows: rows) { row, builder in
        for sentence in split(String(decoding: vectors[0].bytes(row), as: UTF8.self)) {
          for word in sentence { builder.children[0].children[0].append(string: word) }
          builder.children[0].appendList()
        }
      }
      return built.repeated(isConstant, count)
    }
  }

  private static func split(_ text: String) -> [[String]] {
    let letters = Array(text)
    var sentences: [[String]] = []
    var start = 0
    var at = 0
    while at < letters.count {
      defer { at += 1 }
      guard ".!?".contains(letters[at]), at + 1 < letters.count, letters[at + 1].isWhitespace else { continue }
      let next = letters[(at + 1)...].firstIndex { !$0.isWhitespace } ?? letters.count
      if next < letters.count && letters[next].isLowercase && letters[at] == "." { continue }
      sentences.append(words(letters[start..<next]))
      start = next
      at = next - 1
    }
    if start < letters.count { sentences.append(words(letters[start...])) }
    return sentences
  }

  private static func words(_ letters: ArraySlice<Character>) -> [String] {
    var words: [String] = []
    var word = ""
    for at in letters.indices {
      let letter = letters[at]
      let previous = at > letters.startIndex ? letters[at - 1] : " "
      let next = at + 1 < letters.endIndex ? letters[at + 1] : " "
      let joins =
        "'’.-".contains(letter) && isPart(previous) && isPart(next)
        || ",".contains(letter) && previous.isNumber && next.isNumber
      if isPart(letter) || joins || isPercent(letter, after: previous) {
        word.append(letter)
      } else if !word.isEmpty {
        words.append(word)
        word = ""
      }
    }
    return word.isEmpty ? words : words + [word]
  }

  private static func isPart(_ letter: Character) -> Bool { letter.isLetter || letter.isNumber }

  /// Whether a percent sign ends a number.
  private static func isPercent(_ letter: Character, after previous: Character) -> Bool {
    letter == "%" && previous.isNumber
  }
}
