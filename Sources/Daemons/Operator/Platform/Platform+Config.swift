import Assets
import Glibc
import PlatformClient
import Runtime

extension Platform {
    /// Creates the config repository and the bootstrap config of gitops-sync where they are missing, and writes the
    /// hooks.
    func prepareConfig() async throws {
        if settings.configRepositoryURL == nil { try await prepareRepository() }
        guard Files.exists(directory.syncConfig) else {
            try Files.write(bootstrap.yaml.utf8, to: directory.syncConfig, mode: 0o644)
            return
        }
        let missing: [String] = bootstrap.missing(in: try Files.text(directory.syncConfig))
        if !missing.isEmpty {
            console.say(
                "\(directory.syncConfig) was written by an earlier start and does not say \(missing.joined(separator: ", "))"
                    + "; gitops-sync is told so now, but its other commands need it there")
        }
    }

    private func prepareRepository() async throws {
        let repository = ConfigRepository(path: directory.configRepository)
        let seed: [ConfigRepository.SeedFile] = Assets.manifests.map { asset in
            ConfigRepository.SeedFile(path: Self.pathInRepository(asset.path), content: asset.contents)
        }
        let isNew: Bool = try await repository.createIfMissing(seed: seed)
        try repository.install(
            HookScripts(
                sync: programs.sync, syncConfig: directory.syncConfig, repository: repository.path,
                branch: repository.branch, environment: bootstrap.environment))
        console.step("config.git", isNew ? "made with \(seed.count) files" : "as it was")
    }

    var bootstrap: SyncBootstrap {
        SyncBootstrap(
            repositoryURL: settings.repositoryURL, branch: "main", serverURL: settings.serverURL,
            tokenFile: directory.token("gitops-sync"),
            proxy: settings.hasProxy
                ? .init(url: settings.proxyURL, tokenFile: directory.token("proxy-sync")) : nil,
            stateDirectory: directory.syncState,
            socket: runtime.syncSocket, listen: "127.0.0.1:\(settings.syncPort)")
    }

    /// `manifests/collectors/cpu.yaml` is `collectors/cpu.yaml` in the config repository.
    static func pathInRepository(_ path: String) -> String {
        path.hasPrefix("manifests/") ? String(path.dropFirst("manifests/".count)) : path
    }
}
