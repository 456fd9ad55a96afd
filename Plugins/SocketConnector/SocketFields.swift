import MillraceCore
import MillraceFormats

/// The options of source and sink.
enum SocketFields {
  private static let place = [
    OptionField(
      "transport", .choice(NetworkTransport.allCases.map(\.rawValue)), "How bytes travel.", default: "tcp"),
    OptionField(
      "host", .string,
      "Name or address: of the server to connect to, or of this machine to listen at, by default 127.0.0.1.",
      example: "localhost"),
    OptionField(
      "port", .integer, "Port; when listening, 0 takes a free one, which the progress tells.", range: 0...65535,
      example: "9999"),
    OptionField("path", .path, "Path of a Unix socket, in place of host and port.", example: "/run/millrace.sock"),
    OptionField(
      "portFile", .path, "File to write the port to that is listened at, for those who connect.",
      example: "out/port"),
  ]

  private static let framing = [
    OptionField(
      "framing", .choice(["newline", "delimiter", "length", "octet-counted", "datagram"]),
      "How records lie in the stream; newline, and for datagrams each a record, unless said otherwise.",
      example: "octet-counted"),
    OptionField(
      "delimiter", .string,
      #"What ends a record with framing delimiter; \n, \r, \t, \0 and \xHH stand for such bytes."#, default: #"\0"#),
    OptionField(
      "lengthBytes", .choice(["1", "2", "4"]), "Bytes of the number in front of a record with framing length.",
      default: "4"),
    OptionField(
      "lengthOrder", .choice(["big", "little"]), "Order of those bytes.", default: "big"),
  ]

  private static let connecting = [
    OptionField(
      "connectTimeout", .duration, "How long one attempt to connect may take.", default: "10 seconds",
      range: 1000...3_600_000_000)
  ]

  private static let tls = [
    OptionField(
      "tls", .boolean, "Whether bytes are sealed with TLS; for builds with the trait TLS, over tcp.", default: "false"),
    OptionField(
      "tlsCertificate", .path, "PEM file with our certificate and those above it; a server needs one.",
      example: "/etc/millrace/server.pem"),
    OptionField(
      "tlsKey", .path, "PEM file with the certificate's private key, without a password.",
      example: "/etc/millrace/server.key"),
    OptionField(
      "tlsCA", .path, "PEM file with the authorities that are trusted; by default, when connecting, the system's.",
      example: "/etc/millrace/ca.pem"),
    OptionField(
      "tlsVerify", .choice(TLSSettings.Verification.allCases.map(\.rawValue)),
      "What is asked of the server's certificate: to be trusted and for its name, only to be trusted, or nothing.",
      default: "full"),
    OptionField(
      "tlsClientAuth", .choice(TLSSettings.ClientAuthentication.allCases.map(\.rawValue)),
      "Whether a server takes clients without a certificate only, checks the one a client has, or requires one.",
      default: "none"),
    OptionField(
      "tlsServerName", .string, "The server's name in its certificate where it is not that of 'host'.",
      example: "logs.example.org"),
  ]

  static let source =
    [
      OptionField(
        "mode", .choice(["connect", "listen"]),
        "Whether to connect to a server or to be one; connect, and for datagrams listen, unless said otherwise.",
        example: "listen")
    ] + place + framing + connecting + tls + [
      OptionField(
        "connectRetry", .duration, "How long to go on trying when nobody listens yet.", default: "0 seconds",
        range: 0...86_400_000_000, example: "30 seconds"),
      OptionField(
        "reconnect", .boolean,
        "Whether to connect again, for ever, after the server closed; otherwise the stream ends there.",
        default: "false"),
      OptionField(
        "maxReconnectPause", .duration, "Longest pause between attempts to connect; they grow from 50 ms.",
        default: "10 seconds", range: 1000...3_600_000_000),
      OptionField(
        "maxRecordBytes", .byteCount, "Longest record.", default: "1 MiB", range: 1...(16 << 20)),
      OptionField(
        "onLongRecord", .choice(LongRecordPolicy.allCases.map(\.rawValue)),
        "What becomes of a longer one: it is left out, cut, or the connection is closed.", default: "skip"),
      OptionField(
        "partialRecord", .choice(["drop", "emit"]),
        "What becomes of a record that the end of its connection cuts off.", default: "drop"),
      OptionField(
        "maxConnections", .integer, "Most connections at a time; more are refused.", default: "256",
        range: 1...100_000),
      OptionField(
        "maxBytesPerSecond", .byteCount, "Most bytes taken from one connection in a second; by default any number.",
        range: 1...(1 << 40), example: "10 MiB"),
      OptionField(
        "idleTimeout", .duration, "Closes a connection from which nothing came for so long; by default never.",
        range: 1000...86_400_000_000, example: "10 minutes"),
      OptionField(
        "recordTimeout", .duration,
        "Closes a connection that has begun a record and not ended it for so long; by default never.",
        range: 1000...86_400_000_000, example: "30 seconds"),
      OptionField(
        "allow", .list(.string), "Addresses and ranges that may send, by default all.",
        example: "10.0.0.0/8, ::1"),
      OptionField(
        "receiveBuffer", .byteCount, "Bytes that the system is asked to hold for datagrams.", default: "4 MiB",
        range: 4096...(1 << 30)),
      OptionField(
        "acknowledge", .boolean,
        "Whether senders number their records and are told which are durable, so that none is lost or doubled.",
        default: "false"),
      OptionField(
        "maxSenders", .integer, "Most names of senders with acknowledge; they are kept for ever.", default: "1000",
        range: 1...100_000),
      OptionField(
        "metadata", .boolean, "Whether rows have the columns _peer STRING and _received TIMESTAMP.",
        default: "false"),
      OptionField(
        "includeTimestamp", .boolean, "Whether rows have the column timestamp: when they came in, as in Spark.",
        default: "false"),
    ]

  static let sink =
    [
      OptionField(
        "mode", .choice(["connect", "listen"]), "Whether to connect to a server or to be one that sends to all.",
        default: "connect")
    ] + place + framing + connecting + tls + [
      OptionField(
        "connectRetry", .duration, "How long to go on trying when the server is away.", default: "30 seconds",
        range: 0...86_400_000_000),
      OptionField(
        "acknowledge", .boolean,
        "Whether the receiver confirms each batch, as docs/sockets.md says, so that it can leave out what comes again.",
        default: "false"),
      OptionField(
        "acknowledgeTimeout", .duration, "How long to wait for that before connecting again.",
        default: "30 seconds", range: 1000...3_600_000_000),
      OptionField(
        "maxConnections", .integer, "Most clients at a time when listening; more are refused.", default: "256",
        range: 1...100_000),
      OptionField(
        "clientBuffer", .byteCount, "Bytes that may wait for one client when listening.", default: "4 MiB",
        range: 1024...(1 << 30)),
      OptionField(
        "onSlowClient", .choice(["drop", "block"]),
        "What becomes of a client for which more waits: it is dropped, or the query waits for it.", default: "drop"),
      OptionField(
        "allow", .list(.string), "Addresses and ranges that may connect when listening, by default all.",
        example: "10.0.0.0/8, ::1"),
    ]
}
