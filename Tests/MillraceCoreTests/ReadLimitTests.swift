import MillraceCore
import Testing

@Suite struct ReadLimitTests {
  /// A source's own number replaces the default and never exceeds what was asked for.
  @Test(
    arguments: [
      (nil, nil, nil, nil), (nil, 10, nil, 10), (nil, 10, 25, 25), (7, 10, 25, 7), (7, nil, nil, 7), (40, 10, 25, 25),
    ] as [(Int64?, Int64?, Int64?, Int64?)])
  func byteBound(asked: Int64?, byDefault: Int64?, own: Int64?, expected: Int64?) {
    var limit = ReadLimit(bytes: asked)
    limit.defaultBytes = byDefault
    #expect(limit.byteBound(own: own) == expected)
  }
}
