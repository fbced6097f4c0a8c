import Runtime
import Telemetry

/// Sensors: temperatures, fans, voltages and power of `/sys/class/hwmon`, and `/sys/class/thermal`. A host without
/// sensors has nothing to tell.
struct TemperatureCollector: HostCollector {
    let name = "hwmon"
    let exclusion: Exclusion
    private static let folder = "/sys/class/hwmon"
    private static let zones = "/sys/class/thermal"
    private let files: any HostFiles
    /// The chips, found once and again when the list of folders changes: which files a chip has does not change.
    private var folders: [String] = []
    private var chips: [SensorChip] = []

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        let present: [String] = names(Self.folder, &collected)
        if present != folders {
            folders = present
            var seen: Set<String> = []
            chips = present.map { SensorChip($0, below: Self.folder, files, seen: &seen) }.filter {
                !exclusion.covers($0.chip) && !exclusion.covers($0.chipName)
            }
        }
        for chip in chips { chip.collect(files, into: &collected) }
        for zone in names(Self.zones, &collected) { addZone(zone, &collected) }
    }

    private func names(_ folder: String, _ collected: inout Collected) -> [String] {
        do throws(FileError) { return try files.list(folder).sorted() } catch {
            if !error.isAbsent { collected.problems.append(error.description) }
            return []
        }
    }

    /// `thermal_zone0`: a number and a name; `cooling_device0`: how hard it works.
    private func addZone(_ folder: String, _ collected: inout Collected) {
        if folder.hasPrefix("thermal_zone") {
            let zone: Bytes = Array(folder.utf8.dropFirst("thermal_zone".utf8.count))[...]
            guard let type = value("\(folder)/type"), let number = value("\(folder)/temp").flatMap(decimal),
                !exclusion.covers(label(type))
            else { return }
            collected.add("node_thermal_zone_temp", key: zone, number / 1000) {
                Series("node_thermal_zone_temp", ["zone": label(zone), "type": label(type)])
            }
        } else if folder.hasPrefix("cooling_device") {
            let device: Bytes = Array(folder.utf8.dropFirst("cooling_device".utf8.count))[...]
            guard let type = value("\(folder)/type"), !exclusion.covers(label(type)),
                let current = value("\(folder)/cur_state").flatMap(decimal),
                let highest = value("\(folder)/max_state").flatMap(decimal)
            else { return }
            let labels: Labels = ["name": label(device), "type": label(type)]
            collected.add("node_cooling_device_cur_state", key: device, current) {
                Series("node_cooling_device_cur_state", labels)
            }
            collected.add("node_cooling_device_max_state", key: device, highest) {
                Series("node_cooling_device_max_state", labels)
            }
        }
    }

    /// Nil where the sensor gives no answer, as many do at times.
    private func value(_ path: String) -> Bytes? {
        (try? files.read("\(Self.zones)/\(path)")).map { $0[...].trimmed }
    }
}
