import Declarations
import Runtime
package import Telemetry

/// Builds pages from a platform into folders.
package struct PageBuild: Sendable {
    private let source: PageSource
    private let renderer: PageRenderer
    private let output: String

    /// Which of the declared pages, and where to.
    package enum Choice: Hashable, Sendable {
        /// The only one, into the output folder itself.
        case only
        case named(String)
        /// Each into a folder of its name; a page that is no longer declared is taken down.
        case all
    }

    /// What became of one page.
    package struct Result: Hashable, Sendable {
        package var page: String
        package var folder: String
        package var files: PageFolder.Outcome
        /// Why these are not the data of now; nil where they are.
        package var stale: String?
        package var problems: [String] = []
    }

    package init(source: PageSource, output: String) throws {
        self.source = source
        self.output = output
        renderer = try PageRenderer()
    }

    /// Builds what is chosen as of `now`. Where the platform cannot be reached the last data are shown again and said to
    /// be old; throws where there are none.
    package func run(_ choice: Choice, at now: Timestamp) async throws -> [Result] {
        let declared: [(name: String, spec: StatusPageSpec)]
        do { declared = try await source.pages() } catch { return try keepLast(choice, because: error, at: now) }
        let chosen: [(name: String, spec: StatusPageSpec)] = try Self.choose(choice, among: declared)
        var results: [Result] = []
        for page in chosen {
            let folder = PageFolder(choice == .all ? "\(output)/\(page.name)" : output)
            results.append(try await build(page.name, page.spec, in: folder, at: now))
        }
        if choice == .all { results += try takeDownUndeclared(Set(declared.map(\.name))) }
        return results
    }

    private func build(
        _ name: String, _ spec: StatusPageSpec, in folder: PageFolder, at now: Timestamp
    ) async throws -> Result {
        let earlier: PageSnapshot? = try folder.snapshot()
        let gathered: Gathered
        do { gathered = try await gather(page: name, spec, from: source, at: now, earlier: earlier) } catch {
            guard let earlier, earlier.page == name else { throw error }
            return try keep(earlier, in: folder, because: error, at: now)
        }
        let outcome: PageFolder.Outcome = try folder.write(renderer.files(gathered.snapshot))
        return Result(page: name, folder: folder.path, files: outcome, problems: gathered.problems)
    }

    private func keepLast(_ choice: Choice, because error: any Error, at now: Timestamp) throws -> [Result] {
        let folders: [PageFolder] =
            choice == .all
            ? Files.names(in: output).map { PageFolder("\(output)/\($0)") }.filter(\.isUp) : [PageFolder(output)]
        var results: [Result] = []
        for folder in folders {
            guard let snapshot = try folder.snapshot() else { continue }
            if case .named(let name) = choice, snapshot.page != name { continue }
            results.append(try keep(snapshot, in: folder, because: error, at: now))
        }
        if results.isEmpty { throw error }
        return results
    }

    private func keep(
        _ snapshot: PageSnapshot, in folder: PageFolder, because error: any Error, at now: Timestamp
    ) throws -> Result {
        let outcome: PageFolder.Outcome = try folder.write(renderer.files(snapshot, unreachableAt: now))
        return Result(page: snapshot.page, folder: folder.path, files: outcome, stale: "\(error)")
    }

    private func takeDownUndeclared(_ declared: Set<String>) throws -> [Result] {
        var results: [Result] = []
        for name in Files.names(in: output) where !declared.contains(name) {
            let folder = PageFolder("\(output)/\(name)")
            guard folder.isUp else { continue }
            results.append(Result(page: name, folder: folder.path, files: try folder.takeDown()))
        }
        return results
    }

    private static func choose(
        _ choice: Choice, among pages: [(name: String, spec: StatusPageSpec)]
    ) throws -> [(name: String, spec: StatusPageSpec)] {
        let names: String = pages.map(\.name).joined(separator: ", ")
        switch choice {
        case .all: return pages
        case .only:
            guard let only = pages.first else {
                throw PageFolderError(
                    "no StatusPage is declared; add one to the config repository "
                        + "(docs/reference/config-repository.md)")
            }
            guard pages.count == 1 else {
                throw PageFolderError("several pages are declared; name one with --page, or take --all: \(names)")
            }
            return [only]
        case .named(let name):
            guard let page = pages.first(where: { $0.name == name }) else {
                throw PageFolderError(
                    "there is no StatusPage/\(name)" + (names.isEmpty ? "; none is declared" : "; there are \(names)"))
            }
            return [page]
        }
    }
}
