import Crypto
import Declarations
import Manifests
import Telemetry

let sha256: SHA256Function = { bytes in Array(SHA256.hash(data: bytes)) }
let decoder = ResourceDecoder(sha256: sha256)

/// Declares files given as name and text.
func declare(_ files: [(name: String, text: String)]) -> Result<DesiredState, Diagnostics> {
    var documents: [ManifestDocument] = []
    var problems: [Diagnostic] = []
    for file in files {
        let composed = composeManifest(file: file.name, bytes: Array(file.text.utf8))
        documents += composed.documents
        problems += composed.problems
    }
    return decoder.declare(documents, problems: problems)
}

/// Every problem of one file `m.yaml`, one a line.
func problems(_ text: String) -> [String] {
    guard case .failure(let diagnostics) = declare([("m.yaml", text)]) else { return [] }
    return diagnostics.items.map(\.description)
}

func manifest(_ kind: String, _ name: String, _ spec: String) -> String {
    "apiVersion: plumbline/v1\nkind: \(kind)\nmetadata: {name: \(name)}\nspec: \(spec)\n"
}

/// SplitMix64: repeatable randomness.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
