package import Declarations

/// What a worker answers on its standard output: frames, each a length in four bytes (big-endian) and that many bytes.
/// The first frame is JSON, `{"result": …}` or `{"error": …}`; the others are the blobs that the result announces.
package struct WorkerAnswer: Sendable {
    package var outcome: Result<JSONValue, GitError>
    package var blobs: [[UInt8]]

    package init(_ outcome: Result<JSONValue, GitError>, blobs: [[UInt8]] = []) {
        self.outcome = outcome
        self.blobs = blobs
    }

    package var frames: [[UInt8]] {
        switch outcome {
        case .success(let result): [JSONValue.object(["result": result]).canonical] + blobs
        case .failure(let error): [JSONValue.object(["error": error.json]).canonical]
        }
    }

    /// The four bytes that stand before a frame.
    package static func prefix(of frame: [UInt8]) -> [UInt8] {
        let length = UInt32(frame.count)
        return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) }
    }
}

/// Why a worker's output is no answer.
package struct WorkerAnswerError: Error, CustomStringConvertible {
    package var description: String
}

extension WorkerAnswer {
    /// Reads everything that a worker wrote.
    package init(parsing output: [UInt8]) throws(WorkerAnswerError) {
        var frames: [ArraySlice<UInt8>] = []
        var rest: ArraySlice<UInt8> = output[...]
        while !rest.isEmpty {
            guard rest.count >= 4 else { throw WorkerAnswerError(description: "the answer ends within a length") }
            let length: Int = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(4)
            guard length <= rest.count else {
                throw WorkerAnswerError(description: "the answer ends \(length - rest.count) bytes early")
            }
            frames.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        guard let header = frames.first else { throw WorkerAnswerError(description: "there is no answer") }
        do {
            let json = try JSONValue(parsing: header)
            if let error = json["error"] {
                outcome = .failure(try GitError(json: error))
            } else {
                outcome = .success(json["result"] ?? .null)
            }
        } catch {
            throw WorkerAnswerError(description: "the answer is not in its form: \(error)")
        }
        blobs = frames.dropFirst().map(Array.init)
    }
}
