import Testing

/// Holds the `import` lines to the picture of `Package.swift`. The compiler does not: it lets transitive imports pass.
@Suite struct LayeringTests {
    private static let layers = ["System", "Core", "Runtime", "Adapters", "Services", "Daemons", "Executables"]

    private struct Module {
        var name: String
        var layer: Int
        var folder: String
    }

    private struct Import: CustomStringConvertible {
        var file: String
        var module: String
        var description: String { "\(file) imports \(module)" }
    }

    private static let modules: [String: Module] = {
        var modules: [String: Module] = [:]
        for (index, layer) in layers.enumerated() {
            for name in SourceFiles.names("Sources/\(layer)") {
                modules[name] = Module(name: name, layer: index, folder: "Sources/\(layer)/\(name)")
            }
        }
        return modules
    }()

    /// The imports of one file: `import X`, with any attributes and access level before it, or a kind after it.
    private static func imports(of file: String) throws -> [Import] {
        try SourceFiles.text(file).split(separator: "\n").compactMap { line in
            let words: [Substring] = line.prefix { $0 != "/" }.split(separator: " ")
            guard let position = words.firstIndex(of: "import"), position + 1 < words.count,
                words[..<position].allSatisfy({ $0.hasPrefix("@") || access.contains($0) })
            else { return nil }
            let kinds: Set<Substring> = ["struct", "class", "enum", "func", "protocol", "typealias", "var"]
            let name: Substring = kinds.contains(words[position + 1]) ? words.last ?? "" : words[position + 1]
            return Import(file: file, module: String(name.prefix { $0 != "." }))
        }
    }

    private static let access: Set<Substring> = ["package", "internal", "private", "fileprivate", "public"]

    private func imports(in module: Module) throws -> [Import] {
        try SourceFiles.below(module.folder, suffix: ".swift").flatMap(Self.imports)
    }

    /// The part of `uses: [...]` of each target in Package.swift.
    private static func declaredUses() throws -> [String: Set<String>] {
        let manifest: String = try SourceFiles.text("Package.swift")
        var uses: [String: Set<String>] = [:]
        for match in manifest.matches(of: /\b(?:target\(\s*\.\w+,|program\()\s*"([^"]+)"(?:,\s*uses:\s*\[([^\]]*)\])?/)
        {
            let names: [Substring] = (match.2 ?? "").split { ", \n\"".contains($0) }
            uses[String(match.1)] = Set(names.map(String.init))
        }
        return uses
    }

    @Test func theHouseIsFullOfRooms() throws {
        #expect(Self.modules.count >= 20)
        #expect(try Self.declaredUses().count >= 17)
    }

    @Test func arrowsPointDown() throws {
        for module in Self.modules.values {
            for line in try imports(in: module) {
                guard let used = Self.modules[line.module] else { continue }
                let isSideways: Bool = Self.layers[module.layer] == "Core" && used.layer == module.layer
                #expect(used.layer < module.layer || isSideways, "\(line)")
            }
        }
    }

    @Test func whatIsImportedIsDeclared() throws {
        let uses: [String: Set<String>] = try Self.declaredUses()
        for module in Self.modules.values where Self.layers[module.layer] != "System" {
            let declared: Set<String> = try #require(uses[module.name], "\(module.name) is not in Package.swift")
            for line in try imports(in: module) where Self.modules[line.module] != nil {
                #expect(declared.contains(line.module), "\(line), which Package.swift does not say")
            }
        }
    }

    @Test func aCLibraryBelongsToOneAdapter() throws {
        var users: [String: Set<String>] = [:]
        for module in Self.modules.values {
            for line in try imports(in: module) {
                guard let used = Self.modules[line.module], Self.layers[used.layer] == "System" else { continue }
                #expect(Self.layers[module.layer] == "Adapters", "\(line)")
                users[used.name, default: []].insert(module.name)
            }
        }
        #expect(users.count >= 2)
        for (library, adapters) in users { #expect(adapters.count == 1, "\(library): \(adapters)") }
    }

    /// The core has no I/O and no concurrency; a Foundation anywhere would cost the agent 45 MB.
    @Test func theCoreStandsAlone() throws {
        for module in Self.modules.values where Self.layers[module.layer] == "Core" {
            for line in try imports(in: module) {
                // The C library, in one file, for sine and logarithm.
                let isMathematics: Bool = line.module == "Glibc" && line.file.hasSuffix("/Mathematics.swift")
                #expect(Self.modules[line.module] != nil || isMathematics, "\(line): the core imports the core alone")
            }
            // The embedded files are texts of other languages.
            for file in SourceFiles.below(module.folder, suffix: ".swift") where module.name != "Assets" {
                let text: String = try SourceFiles.text(file)
                #expect(!text.contains(/(?m)^[^\/"]*\b(?:async|await|actor)\b/), "\(file) is not asynchronous")
            }
        }
    }

    @Test func foundationStaysOut() throws {
        for module in Self.modules.values {
            for line in try imports(in: module) {
                #expect(line.module != "Foundation" && line.module != "FoundationNetworking", "\(line)")
                if line.module == "FoundationEssentials" { #expect(module.name == "ServerDaemon", "\(line)") }
            }
        }
    }

    /// The build without the trait has no libmongoc.
    @Test func mongoDBCanBeSwitchedOff() throws {
        var users = 0
        for file in SourceFiles.below("Sources", suffix: ".swift") {
            let lines: [Substring] = try SourceFiles.text(file).split(separator: "\n")
            guard lines.contains(where: { $0.contains(/\bimport CLibmongoc\b/) }) else { continue }
            users += 1
            #expect(lines.first == "#if MongoDB" && lines.last == "#endif", "\(file) is all in #if MongoDB")
        }
        #expect(users > 0)
    }

    @Test func nothingIsPublic() throws {
        for file in SourceFiles.below("Sources", suffix: ".swift") {
            let isPublic: Bool = try SourceFiles.text(file).contains(/(?m)^\s*(?:@\w+\s+)*(?:public|open)\s/)
            #expect(!isPublic, "\(file): we ship programs, not a library; use package")
        }
    }
}
