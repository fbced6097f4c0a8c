import Declarations
import Testing

@testable import GitStore

@Suite("The answer of a git worker")
struct WorkerAnswerTests {
    private static let sample = WorkerAnswer(.success(["files": ["a", "b"]]), blobs: [[], [0, 1, 255], [10]])

    private static func bytes(_ answer: WorkerAnswer) -> [UInt8] {
        answer.frames.flatMap { WorkerAnswer.prefix(of: $0) + $0 }
    }

    @Test func comesThroughAsItWas() throws {
        let read = try WorkerAnswer(parsing: Self.bytes(Self.sample))
        #expect(try read.outcome.get() == Self.sample.outcome.get())
        #expect(read.blobs == Self.sample.blobs)

        let error = GitError(
            .branchNotFound, operation: "fetching x", message: "no", branches: ["main"], signal: nil)
        let failed = try WorkerAnswer(parsing: Self.bytes(WorkerAnswer(.failure(error))))
        #expect(throws: error) { try failed.outcome.get() }
    }

    @Test func cutOffAnywhereIsNoCompleteAnswer() {
        let whole: [UInt8] = Self.bytes(Self.sample)
        for length in 0..<whole.count {
            // Between two blobs the cut shows only against the header, which says how many there are.
            let read: WorkerAnswer? = try? WorkerAnswer(parsing: Array(whole.prefix(length)))
            #expect(read == nil || (read?.blobs.count ?? 0) < Self.sample.blobs.count)
        }
    }

    @Test func ofAnyBytesIsAnErrorAndNoTrap() {
        var random = SeededGenerator(state: 7)
        let whole: [UInt8] = Self.bytes(Self.sample)
        for _ in 0..<5000 {
            var bytes: [UInt8] = whole
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try? WorkerAnswer(parsing: bytes)
            let noise: [UInt8] = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            _ = try? WorkerAnswer(parsing: noise)
        }
    }

    @Test func aListingWithoutOneOfItsBlobsIsAnError() throws {
        let id = try #require(ObjectID(hex: String(repeating: "ab", count: 20)))
        let listing = TreeListing(
            files: [
                .init(path: "a.yaml", blob: id, size: 1, bytes: [1]),
                .init(path: "b.yaml", blob: id, size: 1, bytes: nil),
                .init(path: "c.yaml", blob: id, size: 0, bytes: []),
            ], refusals: [.init(path: "l", reason: .symlink, message: "no")], ignoredCount: 3)
        let answer: WorkerAnswer = listing.answer
        #expect(try TreeListing(header: answer.outcome.get(), blobs: answer.blobs) == listing)
        #expect(throws: JSONFormError.self) {
            try TreeListing(header: answer.outcome.get(), blobs: Array(answer.blobs.dropLast()))
        }
    }

    @Test func everyRequestIsTheSameAfterItsJourney() throws {
        let id = try #require(ObjectID(hex: String(repeating: "0f", count: 20)))
        let operations: [WorkerRequest.Operation] = [
            .fetch(remote: GitRemote(url: "/x"), branch: "main"), .resolve(revision: "main~1"), .commit(id),
            .isDescendant(id, of: id), .commits(after: nil, through: id, atMost: 3),
            .commits(after: id, through: id, atMost: 3),
            .tree(commit: id, filter: TreeFilter(root: "a", excluded: ["b"]), known: [id]),
            .sources(
                commit: id, root: "r", questions: [.init(path: "p", lines: 1...2), .init(path: "q")],
                budgetMilliseconds: 9),
            .keep(id, name: "accepted"), .signatures(of: [id, id]), .branches(remote: GitRemote(url: "/x")),
        ]
        for operation in operations {
            let request = WorkerRequest(
                folder: "/f", deadlineSeconds: 4, limits: GitLimits(), operation: operation)
            #expect(try WorkerRequest(json: request.json).json == request.json)
        }
    }
}

/// SplitMix64: the same numbers on every run.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
