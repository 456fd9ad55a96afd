public import MillraceColumnar
import MillraceExpressions

/// `observe`: rows pass through, and named metrics are computed of them on the way.
public struct ObserveNode: Sendable {
  /// What the metrics are called together.
  public var name: String
  /// The aggregates that the metrics are made of, over the attributes of the child.
  public var aggregates: [NamedAggregate]
  /// The metrics, over the attributes of the aggregates.
  public var metrics: [NamedExpression]
  /// Gets the metrics of a bounded query when it was run.
  package var receiver: (any ObservationReceiver)?
  /// The rows that are looked at; all of them come out.
  public var child: LogicalPlan

  /// Makes a node.
  package init(
    name: String, aggregates: [NamedAggregate], metrics: [NamedExpression], receiver: (any ObservationReceiver)? = nil,
    child: LogicalPlan
  ) {
    self.name = name
    self.aggregates = aggregates
    self.metrics = metrics
    self.receiver = receiver
    self.child = child
  }

  /// Names and types of the metrics.
  public var schema: Schema { Schema(metrics.map(\.attribute.field)) }
}

/// Takes the metrics of a bounded query.
package protocol ObservationReceiver: AnyObject, Sendable {
  /// The query was run; values as in the node's schema.
  func receive(_ values: [Value], _ schema: Schema)
}
