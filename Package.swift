// swift-tools-version: 6.2
import PackageDescription

// The house, bottom to top. A target may depend on targets of its own layer's allowance or below;
// `target(_:layer:…)` refuses an arrow that points upward, and `LayeringTests` holds the imports to it.

enum Layer: Int, CaseIterable {
    case system, core, runtime, adapters, services, daemons, executables

    var folder: String { "Sources/" + "\(self)".prefix(1).uppercased() + "\(self)".dropFirst() }
}

nonisolated(unsafe) var layerOf: [String: Layer] = [:]
nonisolated(unsafe) var targets: [Target] = []

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

func check(_ name: String, _ layer: Layer, uses: [String]) {
    for used in uses {
        guard let below = layerOf[used] else { fatalError("\(name) uses \(used), which is not declared before it") }
        let sideways = layer == .core || (layer == .executables && below == .daemons)
        guard below.rawValue < layer.rawValue || (below == layer && sideways) else {
            fatalError("\(name) (\(layer)) must not use \(used) (\(below)): arrows point down")
        }
    }
    layerOf[name] = layer
}

/// A C library from Debian: a module map and a shim header, used by exactly one adapter. Without `pkgConfig` it is a
/// part of the C library itself.
func library(_ name: String, pkgConfig: String? = nil, apt: String? = nil) {
    check(name, .system, uses: [])
    targets.append(
        .systemLibrary(
            name: name, path: "Sources/System/\(name)", pkgConfig: pkgConfig, providers: apt.map { [.apt([$0])] }))
}

/// What a trait switches off is linked only with it.
func dependency(_ name: String) -> Target.Dependency {
    name == "CLibmongoc" ? .target(name: name, condition: .when(traits: ["MongoDB"])) : .target(name: name)
}

/// A Swift library in `layer`, with the targets it uses and the products of packages it needs.
func target(
    _ layer: Layer, _ name: String, uses: [String] = [], products: [Target.Dependency] = [], wrapsC: Bool = false,
    exclude: [String] = []
) {
    check(name, layer, uses: uses)
    targets.append(
        .target(
            name: name,
            dependencies: uses.map(dependency) + products,
            path: "\(layer.folder)/\(name)",
            exclude: exclude,
            swiftSettings: strict + (wrapsC ? [.strictMemorySafety()] : [])))
}

func program(_ name: String, uses: [String], linkerSettings: [LinkerSetting] = []) {
    check(name, .executables, uses: uses)
    targets.append(
        .executableTarget(
            name: name,
            dependencies: uses.map { .target(name: $0) },
            path: "Sources/Executables/\(name)",
            swiftSettings: strict,
            linkerSettings: linkerSettings))
}

/// The tests of one library, or a suite of its own such as `EndToEndTests`.
func tests(_ name: String, uses: [String], products: [Target.Dependency] = []) {
    targets.append(
        .testTarget(
            name: name,
            dependencies: (uses + ["TestSupport"]).map { .target(name: $0) } + products,
            path: "Tests/\(name)",
            swiftSettings: strict))
}

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdTLS: Target.Dependency = .product(name: "HummingbirdTLS", package: "hummingbird")
let jwtKit: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let mustache: Target.Dependency = .product(name: "Mustache", package: "swift-mustache")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

// System
library("CKernelClock")
library("CLibgit2", pkgConfig: "libgit2", apt: "libgit2-dev")
library("CLibmongoc", pkgConfig: "libmongoc-1.0", apt: "libmongoc-dev")
library("CLibpq", pkgConfig: "libpq", apt: "libpq-dev")
library("CLibyaml", pkgConfig: "yaml-0.1", apt: "libyaml-dev")
library("CMalloc")
library("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev")
library("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev")

// Core: no I/O, no async, no clock of its own, no Foundation
target(.core, "Telemetry")
target(.core, "FrameFormat", uses: ["Telemetry"])
target(.core, "Patterns")
target(.core, "Declarations", uses: ["Patterns", "Telemetry"])
target(.core, "Exposition", uses: ["Telemetry"])
target(.core, "Delivery", uses: ["Declarations", "Telemetry"])
target(.core, "ConfigAPI", uses: ["Declarations", "Delivery", "Telemetry"])
target(.core, "Reconciliation", uses: ["ConfigAPI", "Declarations", "Telemetry"])
target(.core, "SystemdUnits", uses: ["ConfigAPI", "Declarations", "Reconciliation", "Telemetry"])
target(.core, "Pipelines", uses: ["Declarations", "Telemetry"])
target(.core, "PromQL", uses: ["Patterns", "Telemetry"])
target(.core, "Scraping", uses: ["Declarations", "Patterns", "Telemetry"])
target(.core, "Alerting", uses: ["Declarations", "PromQL", "Telemetry"])
target(.core, "ColumnCodec")
target(.core, "Assets", exclude: ["Dashboard", "Page"])

// Runtime
target(
    .runtime, "Runtime", uses: ["Declarations", "Pipelines", "Telemetry"],
    products: [crypto, lifecycle, logging, metrics])

// Adapters: one outside party each
target(
    .adapters, "GitStore", uses: ["CLibgit2", "Declarations", "Runtime", "Telemetry"],
    products: [logging, subprocess, systemPackage], wrapsC: true)
target(.adapters, "Compression", uses: ["CZlib", "CZstd"], wrapsC: true)
target(.adapters, "Manifests", uses: ["CLibyaml", "Declarations", "Telemetry"], wrapsC: true)
target(
    .adapters, "Database",
    uses: [
        "Alerting", "Assets", "CLibpq", "ColumnCodec", "ConfigAPI", "Declarations", "Pipelines", "PromQL",
        "Reconciliation", "Runtime",
        "Telemetry",
    ],
    products: [crypto, logging], wrapsC: true)
target(
    .adapters, "HostSystem", uses: ["CKernelClock", "CMalloc", "Declarations", "Exposition", "Runtime", "Telemetry"],
    products: [logging, subprocess, systemPackage])
target(
    .adapters, "ConfigAPIServer", uses: ["ConfigAPI", "Declarations", "Runtime", "Telemetry"],
    products: [httpTypes, hummingbird, lifecycle, logging, nioCore])
target(
    .adapters, "ConfigAPIClient", uses: ["ConfigAPI", "Declarations", "Runtime", "Telemetry"],
    products: [asyncHTTPClient, logging, nioCore, nioHTTP1])
target(
    .adapters, "PlatformClient", uses: ["Declarations", "Runtime", "Telemetry"],
    products: [argumentParser, asyncHTTPClient, nioCore, nioHTTP1])
target(
    .adapters, "Systemd", uses: ["Declarations", "Runtime", "SystemdUnits", "Telemetry"],
    products: [subprocess, systemPackage])
target(.adapters, "Templates", uses: ["Assets"], products: [mustache])
target(.adapters, "WireFormats", uses: ["Declarations", "FrameFormat", "Telemetry"])
target(
    .adapters, "MongoStore", uses: ["CLibmongoc", "Declarations", "Pipelines", "Runtime", "Telemetry"], wrapsC: true)

// Services: what more than one daemon is made of
target(
    .services, "StoreService",
    uses: ["ConfigAPI", "ConfigAPIServer", "Database", "Declarations", "Pipelines", "Runtime", "Telemetry"],
    products: [argumentParser, httpTypes, hummingbird, hummingbirdTLS, jwtKit, lifecycle, logging, nioCore])

// Daemons
target(
    .daemons, "SyncDaemon",
    uses: [
        "Alerting", "ConfigAPI", "ConfigAPIClient", "Declarations", "GitStore", "HostSystem", "Manifests", "PromQL",
        "Reconciliation", "Runtime", "Systemd", "SystemdUnits", "Telemetry",
    ],
    products: [
        argumentParser, asyncHTTPClient, crypto, lifecycle, logging, nioCore, nioHTTP1, nioPosix, subprocess,
        systemPackage,
    ])
target(
    .daemons, "ServerDaemon",
    uses: [
        "Alerting", "Assets", "ColumnCodec", "Compression", "ConfigAPI", "ConfigAPIServer", "Database", "Declarations",
        "Delivery",
        "FrameFormat",
        "Pipelines", "PromQL", "Reconciliation", "Runtime", "StoreService", "Telemetry", "Templates", "WireFormats",
    ],
    products: [
        argumentParser, asyncHTTPClient, crypto, httpTypes, hummingbird, hummingbirdTLS, jwtKit, lifecycle, logging,
        metrics, nioCore, nioHTTP1,
    ])
target(
    .daemons, "ProxyDaemon",
    uses: [
        "ConfigAPI", "ConfigAPIServer", "Database", "Declarations", "MongoStore", "Pipelines", "Runtime",
        "StoreService", "Telemetry",
    ],
    products: [argumentParser, asyncHTTPClient, hummingbird, lifecycle, logging, nioCore, nioHTTP1])
target(
    .daemons, "AgentDaemon",
    uses: [
        "Compression", "ConfigAPI", "Declarations", "Delivery", "Exposition", "FrameFormat", "HostSystem", "Patterns",
        "Runtime", "Scraping", "Telemetry", "WireFormats",
    ],
    products: [argumentParser, asyncHTTPClient, crypto, lifecycle, logging, nioCore, nioHTTP1])
target(
    .daemons, "Operator",
    uses: [
        "Assets", "Compression", "Database", "Declarations", "Manifests", "PlatformClient", "Runtime", "Telemetry",
    ],
    products: [
        argumentParser, asyncHTTPClient, crypto, lifecycle, logging, nioCore, nioHTTP1, subprocess, systemPackage,
    ])
target(
    .daemons, "PageBuilder",
    uses: ["Assets", "Declarations", "PlatformClient", "Runtime", "Telemetry", "Templates"],
    products: [argumentParser, lifecycle, logging])
target(
    .daemons, "UnitHelper", uses: ["Declarations", "Runtime", "Systemd", "SystemdUnits"],
    products: [argumentParser, logging])

// Executables
program("gitops-sync", uses: ["SyncDaemon"])
program("plumb-server", uses: ["ServerDaemon"])
program("plumb-proxy", uses: ["ProxyDaemon"])
// It goes to hosts where nothing else of ours is: archives first (scripts/static-libraries), and no table of names for
// others to link with, which would keep all code that nobody calls.
program(
    "plumb-agent", uses: ["AgentDaemon"],
    linkerSettings: [
        .unsafeFlags(
            ["-L", "\(Context.packageDirectory)/.build-static", "-Xlinker", "--no-export-dynamic"],
            .when(configuration: .release))
    ])
program("plumb-page", uses: ["PageBuilder"])
program("plumb-unit-helper", uses: ["UnitHelper"])
program("plumb", uses: ["Operator"])

// Benchmarks: above the house, started by make bench
targets.append(
    .executableTarget(
        name: "plumb-bench",
        dependencies: [
            "Compression", "Database", "Declarations", "FrameFormat", "Operator", "PlatformClient", "Runtime",
            "Telemetry", "WireFormats", argumentParser, asyncHTTPClient, crypto, lifecycle, logging, nioCore, nioHTTP1,
        ],
        path: "Benchmarks",
        swiftSettings: strict))

// Tests
targets.append(
    .target(
        name: "TestSupport",
        dependencies: [
            "Database", "Declarations", "Runtime", "Telemetry", logging, subprocess, systemPackage,
        ],
        path: "Tests/TestSupport",
        swiftSettings: strict))
// A server that speaks MongoDB's protocol; apart from TestSupport, so that it knows nothing of ours.
targets.append(
    .target(name: "MongoDouble", dependencies: [crypto], path: "Tests/MongoDouble", swiftSettings: strict))
// A world of daemons, stores, a network and a remote, for the reconciler to run in.
targets.append(
    .target(
        name: "Simulation",
        dependencies: [
            "ConfigAPI", "ConfigAPIClient", "Declarations", "GitStore", "Reconciliation", "Runtime", "SyncDaemon",
            "Telemetry", logging,
        ],
        path: "Tests/Simulation",
        swiftSettings: strict))
targets.append(
    .executableTarget(
        name: "plumb-simulate", dependencies: ["Simulation", argumentParser], path: "Tests/Simulate",
        swiftSettings: strict))
tests("TelemetryTests", uses: ["Telemetry"])
tests("FrameFormatTests", uses: ["FrameFormat", "Telemetry"])
tests("DeclarationsTests", uses: ["Declarations", "Manifests", "PromQL", "Telemetry"], products: [crypto])
tests(
    "ConfigAPITests",
    uses: ["ConfigAPI", "ConfigAPIClient", "ConfigAPIServer", "Declarations", "Runtime", "Telemetry"],
    products: [asyncHTTPClient, hummingbird, lifecycle, logging, nioCore, nioHTTP1])
tests("DeliveryTests", uses: ["Declarations", "Delivery", "Telemetry"])
tests("PipelinesTests", uses: ["Declarations", "Pipelines", "Telemetry"])
tests("ReconciliationTests", uses: ["ConfigAPI", "Declarations", "Reconciliation", "Telemetry"])
tests(
    "SystemdUnitsTests", uses: ["ConfigAPI", "Declarations", "Reconciliation", "Runtime", "SystemdUnits", "Telemetry"])
tests("PromQLTests", uses: ["Patterns", "PromQL", "Telemetry"])
tests("ScrapingTests", uses: ["Declarations", "Scraping", "Telemetry"])
tests("AlertingTests", uses: ["Alerting", "Declarations", "Telemetry"])
tests("RuntimeTests", uses: ["Declarations", "Runtime", "Telemetry"], products: [lifecycle, logging, metrics])
tests("GitStoreTests", uses: ["GitStore", "Runtime", "Telemetry"], products: [logging])
tests("CompressionTests", uses: ["Compression"])
tests("ColumnCodecTests", uses: ["ColumnCodec", "Compression"])
tests("ManifestsTests", uses: ["Declarations", "Manifests", "Telemetry"])
tests(
    "DatabaseTests",
    uses: [
        "Alerting", "Assets", "ColumnCodec", "Compression", "ConfigAPI", "Database", "Declarations", "Pipelines",
        "PromQL", "Reconciliation",
        "Runtime", "Telemetry",
    ])
tests("ExpositionTests", uses: ["Exposition", "Telemetry"])
tests("HostSystemTests", uses: ["Declarations", "Exposition", "HostSystem", "Runtime", "Telemetry"])
tests("MongoStoreTests", uses: ["Declarations", "MongoDouble", "MongoStore", "Pipelines", "Runtime", "Telemetry"])
tests("WireFormatsTests", uses: ["Declarations", "FrameFormat", "Runtime", "Telemetry", "WireFormats"])
tests(
    "SyncDaemonTests",
    uses: [
        "Alerting", "ConfigAPI", "ConfigAPIClient", "Declarations", "GitStore", "Manifests", "Reconciliation",
        "Runtime", "SyncDaemon", "Systemd", "SystemdUnits", "Telemetry",
    ],
    products: [asyncHTTPClient, lifecycle, logging, nioCore, nioHTTP1, nioPosix, subprocess, systemPackage])
tests(
    "ServerDaemonTests",
    uses: [
        "Alerting", "Compression", "ConfigAPI", "ConfigAPIServer", "Database", "Declarations", "Delivery",
        "FrameFormat",
        "Pipelines",
        "PromQL", "Reconciliation", "Runtime", "ServerDaemon", "StoreService", "Telemetry", "WireFormats",
    ],
    products: [asyncHTTPClient, crypto, hummingbird, jwtKit, lifecycle, logging, nioCore, nioHTTP1, nioSSL])
tests(
    "ProxyDaemonTests",
    uses: [
        "ConfigAPI", "ConfigAPIServer", "Database", "Declarations", "MongoDouble", "Pipelines", "ProxyDaemon",
        "Runtime", "StoreService", "Telemetry",
    ],
    products: [asyncHTTPClient, hummingbird, lifecycle, logging, nioCore, nioHTTP1])
tests(
    "AgentDaemonTests",
    uses: [
        "AgentDaemon", "Compression", "ConfigAPI", "Declarations", "Delivery", "FrameFormat", "HostSystem", "Runtime",
        "Telemetry", "WireFormats",
    ],
    products: [asyncHTTPClient, logging, hummingbird, nioCore])
tests(
    "OperatorTests",
    uses: [
        "Assets", "ColumnCodec", "Compression", "Database", "Declarations", "Operator", "PlatformClient", "PromQL",
        "Runtime", "Telemetry",
    ],
    products: [argumentParser, systemPackage])
tests(
    "UnitHelperTests", uses: ["Declarations", "Runtime", "Systemd", "SystemdUnits"])
tests(
    "PageBuilderTests", uses: ["Declarations", "PageBuilder", "Runtime", "Telemetry"])
tests(
    "EndToEndTests", uses: ["Declarations", "MongoDouble", "Reconciliation", "Runtime", "Telemetry"],
    products: [asyncHTTPClient, nioCore, nioHTTP1, nioPosix])
tests(
    "FaultTests",
    uses: [
        "ColumnCodec", "Compression", "ConfigAPIServer", "Database", "Declarations", "Delivery", "FrameFormat",
        "PromQL",
        "Runtime", "StoreService", "Telemetry",
    ], products: [asyncHTTPClient, nioCore, nioHTTP1])
tests("SystemdTests", uses: ["Declarations", "Runtime"], products: [subprocess, systemPackage])
tests("SimulationTests", uses: ["Reconciliation", "Simulation"])
tests("HouseTests", uses: ["Assets", "Declarations", "Manifests"])

let package = Package(
    name: "plumbline",
    products: [
        .executable(name: "gitops-sync", targets: ["gitops-sync"]),
        .executable(name: "plumb-server", targets: ["plumb-server"]),
        .executable(name: "plumb-proxy", targets: ["plumb-proxy"]),
        .executable(name: "plumb-agent", targets: ["plumb-agent"]),
        .executable(name: "plumb-page", targets: ["plumb-page"]),
        .executable(name: "plumb-unit-helper", targets: ["plumb-unit-helper"]),
        .executable(name: "plumb", targets: ["plumb"]),
    ],
    traits: [
        .default(enabledTraits: ["MongoDB"]),
        .trait(name: "MongoDB", description: "Reading events from MongoDB, which needs libmongoc."),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: targets
)
