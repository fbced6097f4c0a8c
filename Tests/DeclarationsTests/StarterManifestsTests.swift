import Declarations
import Glibc
import Manifests
import PromQL
import Telemetry
import Testing

/// The starter config repository that `plumb up` begins with.
@Suite struct StarterManifestsTests {
    private func state() throws -> DesiredState {
        let root: String = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/manifests"
        let files: [ManifestTree.File] = names(below: root, "").map { .init(path: $0, bytes: 1) }
        var documents: [ManifestDocument] = []
        var problems: [Diagnostic] = []
        for path in ManifestTree.select(files).manifests {
            let composed = composeManifest(file: path, bytes: try #require(bytes(of: root + "/" + path)))
            documents += composed.documents
            problems += composed.problems
        }
        let checking = ResourceDecoder(sha256: sha256) { text in
            do throws(PromQLError) { _ = try PromQL.parse(text) } catch { return error.description }
            return nil
        }
        return try checking.declare(documents, problems: problems).get()
    }

    @Test func theyAreValid() throws {
        let kinds: [ResourceKind] = try state().resources.keys.map(\.kind)
        // None has a form that is harmless everywhere: where to notify, where documents wait, what exposes metrics and which
        // units a machine has is the user's.
        for kind in ResourceKind.allCases where ![.notifier, .pipeline, .scrapeTarget, .unit].contains(kind) {
            #expect(kinds.contains(kind), "\(kind)")
        }
    }

    @Test func everySourceIsCollectedOnEveryHostWithoutShadows() throws {
        let resources: [DecodedResource] = try state().resources.values.map { declared in
            try decoder.resource(kind: declared.key.kind, name: declared.key.name, spec: declared.spec).get()
        }
        let host = HostGroups(resources).profile(of: HostIdentity(name: "any"))
        let collectors = effectiveCollectors(for: host, from: resources)
        #expect(Set(collectors.map(\.spec.source)) == Set(CollectorSpec.Source.allCases))
        #expect(collectors.filter(\.isShadowed).isEmpty)
    }

    /// A receiver that nobody chose would lose notifications or send them to strangers.
    @Test func noNotifierIsDeclaredAndNoRuleNamesOne() throws {
        for declared in try state().resources.values {
            #expect(declared.key.kind != .notifier)
            #expect(declared.references.isEmpty)
        }
    }

    @Test func everyRuleSaysWhatIsWrongAndWhere() throws {
        for declared in try state().resources.values {
            guard case .alertRule(let rule) = declared.typedSpec else { continue }
            let summary: String = rule.annotations["summary"] ?? ""
            #expect(summary.hasPrefix("{{ $labels.host }}: "), "\(declared.key)")
            #expect(rule.annotations["description"] != nil, "\(declared.key)")
        }
    }

    private func names(below root: String, _ folder: String) -> [String] {
        guard let stream = opendir(root + "/" + folder) else { return [] }
        defer { closedir(stream) }
        var found: [String] = []
        while let entry = readdir(stream) {
            let name: String = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name != ".", name != ".." else { continue }
            let path: String = folder.isEmpty ? name : folder + "/" + name
            found += Int32(entry.pointee.d_type) == Int32(DT_DIR) ? names(below: root, path) : [path]
        }
        return found
    }

    private func bytes(of path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var content = [UInt8](repeating: 0, count: ManifestTree.mostBytesPerFile)
        content.removeLast(content.count - fread(&content, 1, content.count, file))
        return content
    }
}
