import Foundation
import TestSupport

/// What a finished program left behind.
struct Finished: Sendable {
    var status: Int32
    var output: String
    var errors: String

    /// Both streams, for messages.
    var all: String { output + errors }
}

struct ShellError: Error, CustomStringConvertible {
    var description: String
}

/// The programs that the build made, beside the tests' own bundle.
enum Programs {
    static let folder: URL = {
        // The test runner is given the bundle's path; the products lie beside it.
        for argument in CommandLine.arguments where argument.contains(".build/") && argument.hasSuffix(".xctest") {
            return URL(fileURLWithPath: argument).deletingLastPathComponent()
        }
        let runner = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return runner.deletingLastPathComponent()
    }()

    static func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
}

/// Runs a program to its end, within a deadline; after that it is killed and an error thrown.
func run(
    _ program: String, _ arguments: [String] = [], in folder: URL? = nil, environment: [String: String] = [:],
    deadline seconds: Double = 60
) async throws -> Finished {
    // Files, not pipes: grandchildren may hold a pipe open long after the program has ended.
    let scratch = try TemporaryFolder()
    let (output, errors): (String, String) = (scratch("out"), scratch("err"))
    let child = try ChildProgram(
        program.hasPrefix("/") ? program : "/usr/bin/\(program)", arguments, environment: environment,
        in: folder?.path, input: .nothing, output: output, errors: errors)
    let status: Int32
    do { status = try await child.end(within: .seconds(seconds)) } catch {
        throw ShellError(description: "\(program) \(arguments.joined(separator: " ")): \(error)")
    }
    return Finished(
        status: status, output: try text(ofFile: output), errors: try text(ofFile: errors))
}

private func text(ofFile path: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
}

/// Runs a program that has to succeed, and gives its output.
@discardableResult
func require(
    _ program: String, _ arguments: [String] = [], in folder: URL? = nil, environment: [String: String] = [:],
    deadline seconds: Double = 60
) async throws -> String {
    let finished: Finished = try await run(
        program, arguments, in: folder, environment: environment, deadline: seconds)
    guard finished.status == 0 else {
        throw ShellError(
            description: "\(program) \(arguments.joined(separator: " ")) ended with \(finished.status): \(finished.all)"
        )
    }
    return finished.output
}

/// Asks again and again until there is an answer; throws after the deadline, with what was waited for.
func eventually<Value>(
    _ what: String, within seconds: Double = 30, _ ask: () async throws -> Value?
) async throws -> Value {
    let start = ContinuousClock.now
    var last: (any Error)?
    while ContinuousClock.now - start < .seconds(seconds) {
        do { if let value = try await ask() { return value } } catch { last = error }
        try await Task.sleep(for: .milliseconds(50))
    }
    throw ShellError(description: "not within \(seconds) s: \(what)\(last.map { " (last error: \($0))" } ?? "")")
}

/// A port of the loopback that is free together with the two above it, which a platform takes as well.
///
/// Below those that the kernel gives to outgoing connections: a platform that is started again needs the same port, and
/// somebody's connection may hold one of the kernel's meanwhile.
func freePort() throws -> Int {
    for _ in 0..<200 {
        let port: Int = .random(in: 10_000..<32_000)
        if (port...port + 2).allSatisfy(canListen) { return port }
    }
    throw ShellError(description: "no free port between 10000 and 32000")
}

private func canListen(_ port: Int) -> Bool {
    let descriptor: Int32 = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    address.sin_port = UInt16(port).bigEndian
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}
