import Compression
import Testing

@Suite struct ZstdTests {
    /// Compressible in part: short runs of bytes that a seed chooses.
    private func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var state: UInt64 = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        var bytes: [UInt8] = []
        while bytes.count < count {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            bytes += Array(repeating: UInt8(state >> 56), count: Int(state >> 40 & 7) + 1)
        }
        return Array(bytes.prefix(count))
    }

    @Test(arguments: [0, 1, 2, 255, 4096, 70_000, 1_000_000])
    func whatIsCompressedComesBack(count: Int) throws {
        let original: [UInt8] = bytes(count, seed: UInt64(count))
        let small: [UInt8] = Zstd.compress(original)
        #expect(try Zstd.decompress(small, atMost: count) == original)
        #expect(count < 4096 || small.count < count * 3 / 4)
    }

    @Test func aKeptContextForgetsWhatWasBefore() throws {
        var compressor = ZstdCompressor(level: 1)
        var decompressor = ZstdDecompressor()
        for seed in 1...20 {
            let original: [UInt8] = bytes(seed * 997, seed: UInt64(seed))
            let small: [UInt8] = compressor.compress(original)
            #expect(small == Zstd.compress(original, level: 1))
            #expect(throws: CompressionError.self) {
                try decompressor.decompress(Array(small.dropLast()), atMost: 1 << 20)
            }
            #expect(try decompressor.decompress(small, atMost: 1 << 20) == original)
        }
    }

    @Test func framesInARowAreReadAsOne() throws {
        let (first, second): ([UInt8], [UInt8]) = (bytes(100_000, seed: 1), bytes(300_000, seed: 2))
        let small: [UInt8] = Zstd.compress(first) + Zstd.compress(second)
        #expect(try Zstd.decompress(small, atMost: 400_000) == first + second)
        #expect(throws: CompressionError.tooLarge(limit: 399_999)) { try Zstd.decompress(small, atMost: 399_999) }
    }

    /// A hundred megabytes of zeros are ten kilobytes: the limit counts before the memory is taken.
    @Test func whatIsLargerThanTheLimitIsRefused() throws {
        let bomb: [UInt8] = Zstd.compress([UInt8](repeating: 0, count: 100_000_000))
        #expect(bomb.count < 20_000)
        #expect(throws: CompressionError.tooLarge(limit: 1 << 20)) { try Zstd.decompress(bomb, atMost: 1 << 20) }
    }

    /// As a program writes it that does not know the length beforehand: `printf %01000d 0 | zstd -c`.
    @Test func aFrameThatDoesNotSayItsSizeIsRead() throws {
        let frame: [UInt8] = [
            0x28, 0xB5, 0x2F, 0xFD, 0x04, 0x58, 0x4D, 0x00, 0x00, 0x10, 0x30, 0x30, 0x01, 0x00, 0xE3, 0x2B, 0x80, 0x05,
            0xBD, 0x8E, 0xCF, 0x1A,
        ]
        #expect(try Zstd.decompress(frame, atMost: 1000) == [UInt8](repeating: 0x30, count: 1000))
        #expect(throws: CompressionError.tooLarge(limit: 999)) { try Zstd.decompress(frame, atMost: 999) }
        #expect(throws: CompressionError.self) { try Zstd.decompress(Array(frame.dropLast(5)), atMost: 1000) }
    }

    /// The window descriptor asks for 2^30 bytes.
    @Test func aFrameThatAsksForTooMuchMemoryIsRefused() {
        let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xA0, 0x01, 0x00, 0x00]
        #expect(throws: CompressionError.self) { try Zstd.decompress(frame, atMost: 1000) }
    }

    @Test func otherBytesAreRefused() {
        #expect(throws: CompressionError.malformed("no bytes")) { try Zstd.decompress([], atMost: 10) }
        #expect(throws: CompressionError.malformed("no frame header")) {
            try Zstd.decompress(Array("hello, world".utf8), atMost: 10)
        }
    }

    @Test func noBytesAtAllMakeItTrap() {
        let original: [UInt8] = Zstd.compress(bytes(5000, seed: 3))
        var decompressor = ZstdDecompressor()
        for seed in 0..<3000 {
            var damaged: [UInt8] = original
            let noise: [UInt8] = bytes(8, seed: UInt64(seed))
            for (index, byte) in noise.enumerated() { damaged[(seed * 31 + index * Int(byte)) % damaged.count] ^= byte }
            let output: [UInt8]? = try? decompressor.decompress(damaged, atMost: 5000)
            #expect((output?.count ?? 0) <= 5000)
        }
    }
}
