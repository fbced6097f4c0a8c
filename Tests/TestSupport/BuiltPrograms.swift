import Glibc

/// The programs of this package, as `swift build --build-tests` puts them beside the tests.
package enum BuiltPrograms {
    /// The path of a program, as in `path("gitops-sync")`.
    package static func path(_ name: String) throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count: Int = readlink("/proc/self/exe", &buffer, buffer.count)
        let running: String? =
            count > 0 ? String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
        // A test helper of the toolchain may run the tests; then its arguments name the bundle.
        let candidates: [String] = ([running].compactMap { $0 } + CommandLine.arguments).compactMap { place in
            place.lastIndex(of: "/").map { "\(place[..<$0])/\(name)" }
        }
        guard let found = candidates.first(where: { access($0, X_OK) == 0 }) else {
            throw TestSupportError("the program \(name) is not built beside the tests; run swift build --build-tests")
        }
        return found
    }
}
