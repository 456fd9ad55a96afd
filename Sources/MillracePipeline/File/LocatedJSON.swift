/// A value of a pipeline file that knows where it stands.
struct LocatedJSON: Sendable {
  var value: Value
  var place: Place
  /// Whether a `${…}` reference was replaced in this string.
  var hasReference = false
  /// What was put in for references, in order.
  var replacements: [TextReplacement] = []

  /// What a value can be. Numbers keep their spelling: the field that takes one decides how it is read.
  enum Value: Sendable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([LocatedJSON])
    case object([Member])
  }

  /// One key of an object with its value.
  struct Member: Sendable {
    var key: String
    /// Where the key stands; its path includes the key.
    var place: Place
    var value: LocatedJSON
  }

  /// The members, if this is an object.
  var members: [Member]? { if case .object(let members) = value { members } else { nil } }
  /// The elements, if this is an array.
  var elements: [LocatedJSON]? { if case .array(let elements) = value { elements } else { nil } }
  /// The text, if this is a string.
  var string: String? { if case .string(let text) = value { text } else { nil } }

  /// The value of a key, nil when it is absent or this is no object.
  subscript(key: String) -> LocatedJSON? { members?.first { $0.key == key }?.value }

  /// What it is, for messages.
  var kind: String {
    switch value {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }

  /// This object with the members of `other`, which win; the members of `options` are joined the same way, and there,
  /// as everywhere with options, the case of letters does not count.
  func extended(by other: LocatedJSON, ignoringCase: Bool = false) -> LocatedJSON {
    guard var merged = members, let more = other.members else { return other }
    for member in more {
      let same = merged.firstIndex {
        $0.key == member.key || (ignoringCase && $0.key.lowercased() == member.key.lowercased())
      }
      guard let index = same else {
        merged.append(member)
        continue
      }
      var joined = member
      if member.key == "options", !ignoringCase {
        joined.value = merged[index].value.extended(by: member.value, ignoringCase: true)
      }
      merged[index] = joined
    }
    return LocatedJSON(value: .object(merged), place: other.place)
  }
}
