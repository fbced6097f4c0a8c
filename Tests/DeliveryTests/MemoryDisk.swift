import Delivery
import Synchronization

/// A disk in memory that fails, tears writes and changes bytes as told.
final class MemoryDisk: SpoolDisk {
    private struct State {
        var files: [Int: [UInt8]] = [:]
        var capacity = Int.max
        var writes = 0
    }

    private let state = Mutex(State())

    var files: [Int: [UInt8]] { state.withLock { $0.files } }
    var used: Int { files.values.reduce(0) { $0 + $1.count } }
    /// Bytes that fit on it.
    func setCapacity(_ bytes: Int) { state.withLock { $0.capacity = bytes } }
    func change(_ number: Int, at place: Int) { state.withLock { $0.files[number]?[place] ^= 0x41 } }
    func cut(_ number: Int, to count: Int) {
        state.withLock { $0.files[number] = $0.files[number].map { Array($0.prefix(count)) } }
    }
    func lose(_ number: Int) { state.withLock { $0.files[number] = nil } }

    func segments() throws(SpoolDiskError) -> [Int] { state.withLock { Array($0.files.keys) } }

    func read(_ number: Int) throws(SpoolDiskError) -> [UInt8] {
        guard let bytes = state.withLock({ $0.files[number] }) else { throw SpoolDiskError("no segment \(number)") }
        return bytes
    }

    func append(_ bytes: [UInt8], to number: Int) throws(SpoolDiskError) {
        let isWhole: Bool = state.withLock { state in
            let used: Int = state.files.values.reduce(0) { $0 + $1.count }
            let fits: Int = max(0, min(bytes.count, state.capacity - used))
            state.files[number, default: []] += bytes.prefix(fits)
            return fits == bytes.count
        }
        if !isWhole { throw SpoolDiskError("no space left") }
    }

    func remove(_ number: Int) throws(SpoolDiskError) { state.withLock { _ = $0.files.removeValue(forKey: number) } }
}

/// A generator whose numbers repeat from run to run (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
