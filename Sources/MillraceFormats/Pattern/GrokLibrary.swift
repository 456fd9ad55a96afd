/// The patterns that grok users expect, by their usual names. A pattern may use others.
enum GrokLibrary {
  static let patterns: [String: String] = words.merging(network) { first, _ in first }
    .merging(times) { first, _ in first }.merging(logs) { first, _ in first }

  private static let words = [
    "WORD": #"\b\w+\b"#, "NOTSPACE": #"\S+"#, "SPACE": #"\s*"#, "DATA": ".*?", "GREEDYDATA": ".*",
    "QUOTEDSTRING": #"(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"#, "QS": "%{QUOTEDSTRING}",
    "INT": "[+-]?[0-9]+", "POSINT": #"\b[1-9][0-9]*\b"#, "NONNEGINT": #"\b[0-9]+\b"#,
    "BASE10NUM": #"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"#, "NUMBER": "%{BASE10NUM}",
    "BASE16NUM": "[+-]?(?:0[xX])?[0-9A-Fa-f]+",
    "BASE16FLOAT": #"[+-]?(?:0[xX])?(?:[0-9A-Fa-f]+(?:\.[0-9A-Fa-f]*)?|\.[0-9A-Fa-f]+)"#,
    "UUID": "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "USERNAME": "[a-zA-Z0-9._-]+", "USER": "%{USERNAME}",
    "EMAILLOCALPART": #"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+)*"#,
    "EMAILADDRESS": "%{EMAILLOCALPART}@%{HOSTNAME}",
    "LOGLEVEL":
      "(?i:trace|debug|info(?:rmation)?|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|alert|emerg(?:ency)?)",
  ]

  private static let network = [
    "IPV4":
      #"(?<![0-9])(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?![0-9])"#,
    "IPV6":
      "(?:(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?::(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?(?:%{IPV4})?)(?:%[0-9A-Za-z]+)?",
    "IP": "(?:%{IPV6}|%{IPV4})",
    "HOSTNAME": #"\b[0-9A-Za-z][0-9A-Za-z_-]{0,62}(?:\.[0-9A-Za-z][0-9A-Za-z_-]{0,62})*\.?"#, "HOST": "%{HOSTNAME}",
    "IPORHOST": "(?:%{IP}|%{HOSTNAME})", "HOSTPORT": "%{IPORHOST}:%{POSINT}",
    "MAC": "(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\\.){2}[0-9A-Fa-f]{4}",
    "UNIXPATH": #"(?:/[\w.%!$@:,+~#=-]*)+"#, "WINPATH": #"(?:[A-Za-z]:|\\)(?:\\[^\\?*]*)+"#,
    "PATH": "(?:%{UNIXPATH}|%{WINPATH})", "TTY": #"/dev/(?:pts|tty[pq]?)\w*/?[0-9]*"#,
    "URIPROTO": "[A-Za-z][A-Za-z0-9+.-]*", "URIHOST": "%{IPORHOST}(?::%{POSINT})?",
    "URIPATH": #"(?:/[A-Za-z0-9$.+!*'(){},~:;=@#%&_-]*)+"#,
    "URIPARAM": #"\?[A-Za-z0-9$.+!*'|(){},~@#%&/=:;_?\[\]<>-]*"#,
    "URIPATHPARAM": "%{URIPATH}(?:%{URIPARAM})?",
    "URI": "%{URIPROTO}://(?:%{USER}(?::[^@]*)?@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?",
  ]

  private static let times = [
    "MONTH":
      #"\b(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:tember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b"#,
    "MONTHNUM": "(?:0?[1-9]|1[0-2])", "MONTHDAY": "(?:3[01]|[12][0-9]|0?[1-9])",
    "DAY": #"\b(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)\b"#,
    "YEAR": "[0-9]{4}|[0-9]{2}", "HOUR": "(?:2[0-3]|[01]?[0-9])", "MINUTE": "[0-5][0-9]",
    "SECOND": #"(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?"#,
    "TIME": "%{HOUR}:%{MINUTE}(?::%{SECOND})?", "TZ": "[A-Z]{3,4}",
    "ISO8601_TIMEZONE": "(?:Z|[+-]%{HOUR}(?::?%{MINUTE})?)",
    "DATE_US": "%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}", "DATE_EU": "%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}",
    "DATE": "(?:%{DATE_US}|%{DATE_EU})", "DATESTAMP": "%{DATE}[- ]%{TIME}",
    "TIMESTAMP_ISO8601":
      "%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?(?:%{ISO8601_TIMEZONE})?",
    "HTTPDATE": "%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} [+-][0-9]{4}",
    "SYSLOGTIMESTAMP": "%{MONTH} +%{MONTHDAY} %{TIME}",
  ]

  private static let logs = [
    "PROG": #"[\w./%-]+"#, "SYSLOGPROG": #"%{PROG:program}(?:\[%{POSINT:pid}\])?"#, "SYSLOGHOST": "%{IPORHOST}",
    "SYSLOGBASE": "%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGHOST:logsource} )?%{SYSLOGPROG}:",
    "SYSLOGLINE": "%{SYSLOGBASE} *%{GREEDYDATA:message}",
    "HTTPDUSER": "(?:%{EMAILADDRESS}|%{USER})",
    "COMMONAPACHELOG":
      #"%{IPORHOST:clientip} %{HTTPDUSER:ident} %{HTTPDUSER:auth} \[%{HTTPDATE:timestamp}\] "(?:%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|%{DATA:rawrequest})" (?:-|%{INT:response}) (?:%{INT:bytes}|-)"#,
    "COMBINEDAPACHELOG": "%{COMMONAPACHELOG} %{QS:referrer} %{QS:agent}",
  ]
}
