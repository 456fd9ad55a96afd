// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target: language mode 6, no warning left standing, explicit imports.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// A module of the engine. `dependencies` names only modules that stand below it.
func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// A bundled connector: it sees the public author's API and nothing else of the engine.
func connector(_ name: String, _ more: [Target.Dependency] = []) -> Target {
  .target(
    name: name, dependencies: ["MillraceCore", "MillraceFormats", "MillraceColumnar"] + more, path: "Plugins/\(name)",
    packageAccess: false, swiftSettings: strict)
}

/// The tests of one module, beside the module's own name.
func tests(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies, resources: resources,
    swiftSettings: strict)
}

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let connectors: [Target.Dependency] = [
  "SocketConnector", "RotatingFileConnector", "GzipFileConnector", "SQLiteConnector", "FileConnector",
  "ConsoleConnector", "MemoryConnector", "RateConnector", "ProcessConnector",
]

/// What TLS is made of, where the trait asks for it.
let tls: [Target.Dependency] = [
  ("NIOSSL", "swift-nio-ssl"), ("NIOTLS", "swift-nio"), ("NIOEmbedded", "swift-nio"), ("NIOCore", "swift-nio"),
].map { .product(name: $0, package: $1, condition: .when(traits: ["TLS"])) }

let package = Package(
  name: "millrace",
  products: [
    .library(name: "Millrace", targets: ["Millrace"]),
    .library(name: "MillraceCore", targets: ["MillraceCore", "MillraceFormats"]),
    .library(name: "MillraceTesting", targets: ["MillraceTesting"]),
    .library(name: "MillraceCLI", targets: ["MillraceCLI"]),
    .executable(name: "millrace", targets: ["MillraceCommand"]),
    .executable(name: "millrace-conformance", targets: ["MillraceConformance"]),
  ],
  traits: [
    .trait(name: "ISAL", description: "Inflate and deflate with ISA-L (libisal-dev); zlib is used without it"),
    .trait(name: "TLS", description: "TLS for sockets, with swift-nio-ssl, which is fetched and built only then"),
    .default(enabledTraits: ["ISAL"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.100.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
  ],
  targets: [
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .systemLibrary(name: "CISAL", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])]),
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"])]),
    module("MillraceColumnar", ["CKernels"]),
    module("MillraceSQL", ["MillraceColumnar"]),
    module("MillraceExpressions", ["MillraceColumnar", "CKernels", "CPCRE2"]),
    module("MillraceCore", ["MillraceColumnar", "CKernels"]),
    module(
      "MillraceFormats",
      [
        "MillraceCore", "MillraceColumnar", "MillraceExpressions", "CKernels", "CZlib",
        .target(name: "CISAL", condition: .when(platforms: [.linux], traits: ["ISAL"])),
      ]),
    module(
      "MillracePlan", ["MillraceColumnar", "MillraceExpressions", "MillraceSQL", "MillraceCore", "MillraceFormats"]),
    module("MillraceState", ["MillraceColumnar", "MillraceCore", "CKernels"]),
    module(
      "MillraceExecution",
      [
        "MillraceColumnar", "MillraceExpressions", "MillraceCore", "MillraceFormats", "MillracePlan", "MillraceState",
        "CKernels",
      ]),
    module(
      "MillraceStreaming",
      [
        "MillraceColumnar", "MillraceExpressions", "MillraceCore", "MillraceFormats", "MillracePlan", "MillraceState",
        "MillraceExecution", "CKernels", .product(name: "Logging", package: "swift-log"),
      ]),
    module(
      "Millrace",
      [
        "MillraceColumnar", "MillraceExpressions", "MillraceSQL", "MillraceCore", "MillraceFormats", "MillracePlan",
        "MillraceState", "MillraceExecution", "MillraceStreaming", "CKernels",
      ] + connectors),
    module(
      "MillracePipeline",
      [
        "Millrace", "MillraceColumnar", "MillraceCore", "MillraceFormats", "MillraceSQL", "MillracePlan",
        "MillraceExecution", "MillraceStreaming",
      ]),
    module(
      "MillraceTesting",
      [
        "Millrace", "MillraceColumnar", "MillraceSQL", "MillraceCore", "MillraceFormats", "MillracePlan",
        "MillraceState", "MillraceExecution", "MillraceStreaming",
        "MemoryConnector",
      ]),
    module(
      "MillraceCLI",
      [
        "Millrace", "MillracePipeline", "MillraceColumnar", "MillraceCore", "MillraceFormats", "MillraceSQL",
        "MillracePlan", "MillraceExecution", "MillraceStreaming", argumentParser,
      ]),
    connector("SocketConnector", tls),
    connector("RotatingFileConnector"),
    connector("GzipFileConnector"),
    connector("SQLiteConnector", ["CSQLite"]),
    connector("FileConnector"),
    connector("ConsoleConnector"),
    connector("MemoryConnector"),
    connector("RateConnector"),
    connector("ProcessConnector"),
    .executableTarget(
      name: "MillraceCommand", dependencies: ["MillraceCLI"], swiftSettings: strict,
      linkerSettings: [.unsafeFlags(["-Xlinker", "--export-dynamic"], .when(platforms: [.linux]))]),
    .executableTarget(
      name: "MillraceConformance", dependencies: ["MillraceTesting", "MillraceCore", argumentParser],
      swiftSettings: strict),
    // Times the kernels; no product, and never run by tests: see Benchmarks/README.md.
    .executableTarget(
      name: "MillraceBenchmarks",
      dependencies: [
        "MillraceColumnar", "MillraceExpressions", "MillraceSQL", "MillraceCore", "MillraceFormats", "MillracePlan",
        "MillraceState", "MillraceExecution", "CKernels", argumentParser,
      ],
      path: "Benchmarks/Micro", exclude: ["thresholds.json"], swiftSettings: strict),
    tests("MillraceColumnar", ["MillraceTesting", "CKernels"]),
    tests("MillraceSQL", ["MillraceColumnar"]),
    tests("MillraceExpressions", ["MillraceColumnar", "MillraceTesting", "CKernels"]),
    tests("MillraceCore", ["MillraceColumnar"]),
    tests(
      "MillraceFormats",
      ["MillraceColumnar", "MillraceCore", "MillraceExpressions", "MillraceTesting", "CKernels"]),
    tests("MillracePlan", ["MillraceColumnar", "MillraceExpressions", "MillraceSQL", "MillraceCore"]),
    tests("MillraceState", ["MillraceColumnar", "MillraceCore", "MillraceTesting", "CKernels"]),
    tests(
      "MillraceExecution",
      [
        "MillraceColumnar", "MillraceExpressions", "MillraceSQL", "MillraceCore", "MillraceFormats", "MillracePlan",
        "MillraceTesting",
      ]),
    tests(
      "MillraceStreaming",
      [
        "MillraceColumnar", "MillraceCore", "MillraceFormats", "MillraceState", "MillracePlan", "MillraceExecution",
        "MillraceTesting",
      ]),
    tests(
      "Millrace",
      [
        "MemoryConnector", "MillraceColumnar", "MillraceCore", "MillracePlan", "MillraceExecution", "MillraceStreaming",
        "MillraceTesting",
      ]),
    tests("MillracePipeline", ["Millrace", "MillraceColumnar", "MillraceCore", "MillraceFormats", "MillracePlan"]),
    tests("MillraceCLI", ["MillraceCore", "MillraceExecution"]),
    // Runs the built command as its user would: golden errors, kill loops, the sample pipelines, the corpus.
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "MillraceCommand", "MillraceConformance", "StatefulProgram", "LeakyProgram", "MillraceTesting", "MillraceCore",
      ], swiftSettings: strict
    ),
    // A program with a stateful processor, for the tests that kill it.
    .executableTarget(
      name: "StatefulProgram", dependencies: ["Millrace"], path: "Tests/StatefulProgram", swiftSettings: strict),
    // The command with a connector that prints its password, for the test that nobody gets to see it.
    .executableTarget(
      name: "LeakyProgram", dependencies: ["MillraceCLI", "MillraceCore"], path: "Tests/LeakyProgram",
      swiftSettings: strict),
    // The streaming example of Spark's Swift client, word for word; its `await`s on what needs none would be warnings.
    .target(
      name: "SparkExample", dependencies: ["Millrace"], path: "Tests/SparkExample",
      swiftSettings: [.swiftLanguageMode(.v6), .unsafeFlags(["-suppress-warnings"])]),
    // Compiles and runs the examples of README and docs, and holds what they say of keys, codes and commands to the code.
    .testTarget(
      name: "DocumentationTests",
      dependencies: [
        "Millrace", "MillraceExpressions", "MillraceCLI", "MillraceCore", "MillraceFormats", "MillracePipeline",
        "SparkExample",
        argumentParser,
      ],
      swiftSettings: strict),
    // Parses the manifest and fails on an import edge that the layers do not allow.
    .testTarget(name: "ManifestTests", swiftSettings: strict),
    .testTarget(
      name: "ConnectorTests",
      dependencies: connectors + [
        "Millrace", "MillraceCore", "MillraceFormats", "MillraceColumnar", "MillraceTesting", "CSQLite", "CZlib",
      ],
      swiftSettings: strict),
  ]
)
