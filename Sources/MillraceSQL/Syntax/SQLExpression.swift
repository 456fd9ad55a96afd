public import MillraceColumnar

/// An expression as written in SQL, before names and functions are resolved.
///
/// Syntax that Spark's parser rewrites is rewritten here too: `a != b` is `NOT (a = b)`, `a IS TRUE` is `a <=> true`,
/// `NOT IN`, `NOT LIKE` and `NOT BETWEEN` are `NOT` around the positive form, `extract(…)` and `substring(… FROM …)` are calls.
public struct SQLExpression: Hashable, Sendable {
  /// What the expression is.
  public var kind: Kind
  /// Where it was written.
  public var range: SourceRange

  /// Makes an expression.
  public init(_ kind: Kind, _ range: SourceRange = .none) {
    self.kind = kind
    self.range = range
  }

  /// The forms of an expression.
  public indirect enum Kind: Hashable, Sendable {
    /// A number, string, boolean, NULL, binary or interval constant.
    case literal(Value, DataType)
    /// `DATE '…'`, `TIMESTAMP '…'` or `TIMESTAMP_NTZ '…'`; the analyzer reads the text in the session's time zone
    /// and reports `INVALID_TYPED_LITERAL`.
    case typedLiteral(DataType, String)
    /// A column or a field path, one entry per part. A single part may also be a function without parentheses:
    /// see `SQLExpression.parenthesisFreeFunctions`.
    case column([String])
    /// `*`, `t.*`, `* EXCEPT (a, b.c)`.
    case star(qualifier: [String], except: [[String]])
    case unary(UnaryOperator, SQLExpression)
    case binary(BinaryOperator, SQLExpression, SQLExpression)
    /// `a IS NULL`, `a IS NOT NULL`.
    case isNull(SQLExpression, isNegated: Bool)
    /// `a BETWEEN low AND high`.
    case between(SQLExpression, low: SQLExpression, high: SQLExpression)
    /// `a IN (1, 2)`.
    case inList(SQLExpression, [SQLExpression])
    /// `a IN (SELECT …)`; `(a, b) IN (SELECT …)` has a `row` on the left.
    case inSubquery(SQLExpression, Query)
    case exists(Query)
    case scalarSubquery(Query)
    /// LIKE, ILIKE and RLIKE.
    case like(LikePredicate)
    /// `CAST(a AS type)`, `a::type`, `TRY_CAST(a AS type)`.
    case cast(SQLExpression, DataType, isTry: Bool)
    /// `CASE [operand] WHEN … THEN … ELSE … END`.
    case caseWhen(operand: SQLExpression?, branches: [CaseBranch], otherwise: SQLExpression?)
    case call(FunctionCall)
    /// `x -> body`, `(x, y) -> body`.
    case lambda(parameters: [String], body: SQLExpression)
    /// `base[index]` of an array or map.
    case element(SQLExpression, index: SQLExpression)
    /// `base.name` where the base is not itself a plain name.
    case field(SQLExpression, name: String)
    /// `(a, b)`: a struct.
    case row([SQLExpression])
    /// `a AS name`, or `a AS (name, name)` for generators.
    case alias(SQLExpression, [String])
    /// `:name`, or `?` with an empty name.
    case parameter(String)
    /// `v:a.b[0]`, a path into a VARIANT.
    case variantPath(SQLExpression, String)
  }

  /// One `WHEN condition THEN result`.
  public struct CaseBranch: Hashable, Sendable {
    /// The condition, or the value compared with the operand.
    public var condition: SQLExpression
    /// What the branch yields.
    public var result: SQLExpression

    /// Makes a branch.
    public init(_ condition: SQLExpression, _ result: SQLExpression) {
      self.condition = condition
      self.result = result
    }
  }

  /// LIKE in its forms: `a LIKE p`, `a ILIKE ALL (p, q)`, `a RLIKE p`.
  public struct LikePredicate: Hashable, Sendable {
    /// Which matching is asked for.
    public enum Operator: String, Hashable, Sendable {
      case like = "LIKE"
      case ilike = "ILIKE"
      case rlike = "RLIKE"
    }

    /// How several patterns combine.
    public enum Quantifier: String, Hashable, Sendable {
      /// ANY or SOME.
      case any = "ANY"
      case all = "ALL"
    }

    /// Which matching is asked for.
    public var `operator`: Operator
    /// What is matched.
    public var value: SQLExpression
    /// One pattern without a quantifier, otherwise one or more.
    public var patterns: [SQLExpression]
    /// ANY or ALL where several patterns are given.
    public var quantifier: Quantifier?
    /// The character after ESCAPE; a backslash when absent.
    public var escape: Character?
    /// With a quantifier only: each single match is inverted (`NOT LIKE ANY (…)`).
    public var isNegated: Bool

    /// Makes a predicate.
    public init(
      _ operator: Operator, _ value: SQLExpression, _ patterns: [SQLExpression], quantifier: Quantifier? = nil,
      escape: Character? = nil, isNegated: Bool = false
    ) {
      self.operator = `operator`
      self.value = value
      self.patterns = patterns
      self.quantifier = quantifier
      self.escape = escape
      self.isNegated = isNegated
    }
  }
}

/// An operator with one operand.
public enum UnaryOperator: String, Hashable, Sendable {
  case not = "NOT"
  case minus = "-"
  case plus = "+"
  case bitwiseNot = "~"
}

/// An operator with two operands.
public enum BinaryOperator: String, Hashable, Sendable {
  case or = "OR"
  case and = "AND"
  case equal = "="
  /// `<=>`, and `IS NOT DISTINCT FROM`.
  case nullSafeEqual = "<=>"
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case bitwiseOr = "|"
  case bitwiseXor = "^"
  case bitwiseAnd = "&"
  case shiftLeft = "<<"
  case shiftRight = ">>"
  case shiftRightUnsigned = ">>>"
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case remainder = "%"
  case integerDivide = "div"
  case concat = "||"
}

extension SQLExpression {
  /// Functions that may be written without parentheses. The parser yields a column of that name, since a column of
  /// the name wins; the analyzer calls the function when there is none.
  public static let parenthesisFreeFunctions: Set<String> = [
    "current_date", "current_timestamp", "current_user", "session_user", "user", "current_time", "grouping__id",
  ]

  /// The expression without an outermost alias.
  public var unaliased: SQLExpression {
    if case .alias(let inner, _) = kind { inner } else { self }
  }
}
