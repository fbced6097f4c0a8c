import Runtime
import Telemetry

/// `/sys/class/nvme`: which NVMe controllers there are, and whether they are alive. A host without has nothing to tell.
struct NVMeCollector: HostCollector {
    let name = "nvme"
    let exclusion: Exclusion
    private static let folder = "/sys/class/nvme"
    private let files: any HostFiles

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        let devices: [String]
        do throws(FileError) { devices = try files.list(Self.folder).sorted() } catch {
            if !error.isAbsent { collected.problems.append(error.description) }
            return
        }
        for device in devices where !exclusion.covers(device) {
            var labels: [String: String] = ["device": device]
            for (label, file) in [
                ("firmware_revision", "firmware_rev"), ("model", "model"), ("serial", "serial"), ("state", "state"),
            ] {
                labels[label] = text(device, file)
            }
            collected.add(Series("node_nvme_info", Labels(labels)), 1)
        }
    }

    private func text(_ device: String, _ file: String) -> String? {
        (try? files.read("\(Self.folder)/\(device)/\(file)")).map { label($0[...].trimmed) }
    }
}
