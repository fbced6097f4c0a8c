import Declarations
import HostSystem
import Runtime
import Telemetry
import Testing

/// A generator whose numbers repeat from run to run (SplitMix64).
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

@Suite struct AnyBytesTests {
    private static let samples: [String: String] = [
        "/proc/stat": "cpu0 100 10 200 4000 30 1 3 5 20 2\nintr 5 0\nctxt 7\nbtime 1795218346\nprocs_running 3\n",
        "/proc/meminfo": "MemTotal: 24682416 kB\nActive(anon): 1004 kB\nHugePages_Total: 0\n",
        "/proc/diskstats":
            "254 0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n259 1 nvme0n1p1 1 2 3 4 5 6 7 8 9 10 11\n",
        "/proc/net/dev": "h\nh\neth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
        "/proc/loadavg": "0.08 0.39 0.56 1/98 18420\n",
        "/proc/1/mountinfo": "27 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\n28 1 0:9 / /a\\040b ro - nfs s:/e ro\n",
        "/etc/os-release": "ID=debian\nPRETTY_NAME=\"Debian\"\n",
        "/proc/sys/kernel/hostname": "web-1\n",
    ].merging(recorded) { own, _ in own }

    /// All files of a recorded host.
    private static var recorded: [String: String] {
        let folder: String = #filePath.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        let text: String = (try? Files.text("\(folder)/Fixtures/physical-5.10.tree")) ?? ""
        var files: [String: String] = [:]
        var path: Substring?
        for line in text.split(separator: "\n") {
            if line.hasPrefix("== ") {
                path = line.contains(" -> ") ? nil : line.dropFirst(3)
            } else if let path {
                files[String(path), default: ""] += line + "\n"
            }
        }
        files["/sys/class/hwmon/hwmon0/name"] = "coretemp\n"
        files["/sys/class/hwmon/hwmon0/temp1_input"] = "41000\n"
        files[CollectorSpec.usualDirectory + "/x.prom"] = "a{b=\"c\"} 1\n"
        return files
    }

    /// Cuts, doubles, swaps and overwrites bytes.
    private static func damaged(_ text: String, _ random: inout Seeded) -> [UInt8] {
        var bytes: [UInt8] = Array(text.utf8)
        for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
            let place: Int = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0...4, using: &random) {
            case 0: bytes.removeSubrange(place...)
            case 1: bytes.insert(contentsOf: bytes[..<place], at: place)
            case 2: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 3: bytes.remove(at: place)
            default: bytes.insert(contentsOf: Array("99999999999999999999".utf8), at: place)
            }
        }
        return bytes
    }

    // Shows F-AG-11
    @Test(arguments: CollectorSpec.Source.allCases)
    func noContentOfProcTrapsACollector(source: CollectorSpec.Source) async {
        var random = Seeded(state: 11)
        let files = RecordedHostFiles([:])
        let spec = CollectorSpec(
            source: source, interval: .seconds(10), hosts: .all, exclude: ["[", "a*?[!x-"],
            top: source == .processes ? 3 : 0)
        var collector = makeCollector(spec, dependencies(files))
        for _ in 0..<60 {
            for (path, text) in Self.samples { files.set(path, bytes: Self.damaged(text, &random)) }
            for measurement in await collector.collect().measurements {
                #expect(measurement.value.isFinite)
                #expect(measurement.series.labels.pairs.allSatisfy { $0.value.utf8.count <= 3 * 1024 })
            }
            _ = HostFacts(reading: files)
        }
    }
}
