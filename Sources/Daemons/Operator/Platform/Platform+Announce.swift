import Assets
import PlatformClient
import Runtime

extension Platform {
    /// Says where everything is and what to try first.
    func announce() async {
        let link: String
        do { link = try await LoginCommand.link(adminClient) } catch {
            link = "\(settings.serverURL)/  (no login link: \(error); plumb login makes one)"
        }
        console.line("")
        console.line("Dashboard  \(link)")
        console.line("           (this link works once; plumb login prints another)")
        if let url = settings.configRepositoryURL {
            console.line("Config     \(url)")
        } else {
            console.line("Config     git clone \(directory.configRepository)")
            console.line("Page       \(directory.page)/status/index.html")
            console.line("")
            for line in await firstSteps() { console.line(line) }
        }
        console.line("")
        console.line("Ctrl-C stops everything; the data stays in \(directory.path).")
    }

    /// Commands that change something visible, fit for copying.
    private func firstSteps() async -> [String] {
        let paths: [String] = Assets.manifests.map { Self.pathInRepository($0.path) }
        guard
            let collector = paths.first(where: { $0.contains("cpu") && $0.contains("collector") })
                ?? paths.first(where: { $0.contains("collector") })
        else { return [] }
        var lines = [
            "A first thing to try, in another terminal:",
            "  git clone \(shellWord(directory.configRepository)) /tmp/config && cd /tmp/config",
        ]
        // A fresh machine has no name to commit under, and git refuses without one.
        let name = try? await CommandRunner().outcome("git", ["config", "--global", "user.email"])
        if name?.isSuccess != true {
            lines.append("  git config user.name \"$USER\" && git config user.email \"$USER@localhost\"")
        }
        lines += [
            "  sed -i 's/interval: .*/interval: 5s/' \(collector)",
            "  git commit -am 'Collect the CPU every 5 seconds' && git push",
            "The push shows what changes, and the agent follows at once.",
        ]
        return lines
    }

    /// Quoted only where a shell needs it.
    private func shellWord(_ text: String) -> String {
        let isPlain: Bool = text.unicodeScalars.allSatisfy {
            $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || "/._-".unicodeScalars.contains($0))
        }
        return isPlain ? text : shellQuoted(text)
    }
}
