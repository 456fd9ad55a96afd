/// The settings of a session: `spark.conf.set("spark.sql.session.timeZone", "Europe/Berlin")`.
public struct RuntimeConf: Sendable {
  let session: SparkSession

  /// Sets a setting; throws `INVALID_CONF_VALUE` for a value that a known setting does not take.
  public func set(_ key: String, _ value: String) async throws { try session.set(key, value) }
  /// Sets a setting.
  public func set(_ key: String, _ value: Bool) async throws { try session.set(key, String(value)) }
  /// Sets a setting.
  public func set(_ key: String, _ value: Int) async throws { try session.set(key, String(value)) }

  /// A setting that was set; throws `SQL_CONF_NOT_FOUND`.
  public func get(_ key: String) async throws -> String {
    guard let value = session.setting(key) else {
      throw MillraceError("SQL_CONF_NOT_FOUND", "the setting '\(key)' was not set", hint: "give a default")
    }
    return value
  }

  /// A setting, or `value` where it was not set.
  public func get(_ key: String, _ value: String) async throws -> String { session.setting(key) ?? value }

  /// Forgets a setting.
  public func unset(_ key: String) async throws { session.unset(key) }

  /// All settings that were set.
  public func getAll() async throws -> [String: String] { session.settings }
}
