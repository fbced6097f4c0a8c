/// The compact form of `POST /api/v1/metrics`: `docs/formats/frames.md` is its specification.
package enum FrameFormat {
    /// The `Content-Type` of a body in this form.
    package static let contentType = "application/vnd.plumbline.frames"
    /// The file's first bytes; the version follows.
    static let magic: [UInt8] = [0x50, 0x46]

    /// In version 2 batches may be told from a frame that the reader kept.
    enum Version: UInt8 { case plain = 1, referring = 2 }

    /// What the byte before a batch of version 2 says.
    enum BatchFlag {
        /// Told from a reference, which is named.
        static let refers: UInt8 = 1
        /// The reader keeps the last frame.
        static let isKept: UInt8 = 2
    }
    /// Values of one request, absent ones included: 32 MiB once they are read.
    package static let mostValues = 4 << 20
    /// Series of one layout.
    package static let mostSeries = 20_000
}

/// Why a body is not of the form; nothing of it was taken.
package struct FrameFormatError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    static func at(_ position: Int, _ what: String) -> FrameFormatError {
        FrameFormatError(description: "byte \(position): \(what)")
    }
}
