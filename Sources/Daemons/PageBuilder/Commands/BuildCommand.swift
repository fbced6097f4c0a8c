import ArgumentParser
import Declarations
import PlatformClient
import Runtime
import Telemetry

struct BuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Write the page once.",
        discussion: """
            Asks a running platform: one that is named with --server and --token-file (scope query), or the local \
            plumb up. The same data and the same --at give the same bytes.

            Exit status 0 with live data; 5 where the platform could not be reached and the page shows its last data \
            as old; 1 where there is no page to show.
            """)

    @Option(help: ArgumentHelp("The moment to show, RFC 3339. Default: now.", valueName: "time"))
    var at: Timestamp?

    @OptionGroup var options: PageOptions

    /// As `gitops-sync once`: what was asked for is incomplete, because somebody could not be reached.
    static let incomplete: Int32 = 5

    func run() async throws {
        // Whole seconds: what nobody reads makes no difference between two builds.
        let now: Timestamp = (at ?? .now()).floored(to: .seconds(1))
        let results: [PageBuild.Result] = try await build(at: now)
        for result in results {
            for problem in result.problems { StandardError.write("plumb-page: \(problem)\n") }
            for name in result.files.kept {
                StandardError.write("plumb-page: \(result.folder)/\(name) was changed by somebody and stays\n")
            }
            if let stale = result.stale {
                StandardError.write("plumb-page: \(result.page) shows its last data, as old: \(stale)\n")
            }
            print("\(result.page)  \(result.folder)/index.html")
        }
        if results.contains(where: { $0.stale != nil }) { throw ExitCode(Self.incomplete) }
    }

    /// A platform that does not run here is one that cannot be reached.
    private func build(at now: Timestamp) async throws -> [PageBuild.Result] {
        let build: PageBuild
        do { build = try options.build() } catch {
            guard let error = error as? PlatformClientError else { throw error }
            build = try PageBuild(source: .unreachable(error), output: Files.absolute(options.folder))
        }
        return try await build.run(options.choice, at: now)
    }
}

extension PageSource {
    /// A platform that was not found.
    static func unreachable(_ error: PlatformClientError) -> PageSource {
        PageSource(
            pages: { throw error }, values: { _, _, _ in throw error }, history: { _, _ in throw error },
            firing: { throw error }, hosts: { throw error }, reports: { throw error })
    }
}
