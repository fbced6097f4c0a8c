import Runtime
import Telemetry

/// One chip of `/sys/class/hwmon`: its name and the files that its sensors have.
struct SensorChip: Sendable {
    /// Names the place of the chip, `platform_coretemp_0`: the numbers of the folders change from boot to boot.
    let chip: String
    /// What the driver calls it, `coretemp`.
    let chipName: String
    private var readings: [Reading] = []
    private var texts: [Series] = []

    private struct Reading: Sendable {
        var path: String
        var series: Series
        var key: [UInt8]
        var scale: Double
    }

    /// `seen` holds the names of the chips before; of two in one place the second has its driver's name behind it.
    init(_ folder: String, below parent: String, _ files: any HostFiles, seen: inout Set<String>) {
        let path = "\(parent)/\(folder)"
        func text(_ file: String) -> String? {
            (try? files.read("\(path)/\(file)")).map { label($0[...].trimmed) }
        }
        let driver: String = cleaned(text("name") ?? "")
        var name: String = Self.place(path, files) ?? (driver.isEmpty ? cleaned(folder) : driver)
        if !seen.insert(name).inserted, !driver.isEmpty {
            name += "_" + driver
            seen.insert(name)
        }
        chip = name
        chipName = driver
        if !driver.isEmpty {
            texts.append(Series("node_hwmon_chip_names", ["chip": name, "chip_name": driver]))
        }
        addSensors(path, files)
        // Older drivers have the files one folder below.
        addSensors("\(path)/device", files)
    }

    /// The last two folders of the device's real path; nil where the chip has no device.
    private static func place(_ path: String, _ files: any HostFiles) -> String? {
        guard let device = try? files.realPath("\(path)/device") else { return nil }
        let parts: [Substring] = device.split(separator: "/")
        guard let last = parts.last else { return nil }
        let type: String = parts.count > 1 ? cleaned(String(parts[parts.count - 2])) : ""
        let name: String = cleaned(String(last))
        guard !name.isEmpty else { return nil }
        return type.isEmpty ? name : "\(type)_\(name)"
    }

    private mutating func addSensors(_ path: String, _ files: any HostFiles) {
        let names: [String] = ((try? files.list(path)) ?? []).sorted()
        for name in names {
            guard let file = SensorFile(name) else { continue }
            let labels: Labels = ["chip": chip, "sensor": file.sensor]
            if file.property == "label" {
                guard let content = try? files.read("\(path)/\(name)") else { continue }
                texts.append(
                    Series("node_hwmon_sensor_label", labels.setting("label", to: label(content[...].trimmed))))
                continue
            }
            let hasBareValue: Bool = names.contains(file.sensor)
            guard let (metric, scale) = file.metric(hasBareValue: hasBareValue) else { continue }
            let series = Series(metric, labels)
            guard !readings.contains(where: { $0.series == series }) else { continue }
            readings.append(
                Reading(path: "\(path)/\(name)", series: series, key: Array(series.description.utf8), scale: scale))
        }
    }

    func collect(_ files: any HostFiles, into collected: inout Collected) {
        for text in texts { collected.add("node_hwmon", variant: text.hashValue, key: [], 1) { text } }
        for reading in readings {
            // A sensor that gives no answer is absent, not zero.
            guard let content = try? files.read(reading.path), let value = decimal(content[...].trimmed) else {
                continue
            }
            collected.add("node_hwmon", key: reading.key[...], value * reading.scale) { reading.series }
        }
    }
}

/// `temp1_crit_alarm`: a file of a sensor.
struct SensorFile: Hashable, Sendable {
    /// `temp`
    var type: String
    /// `temp1`
    var sensor: String
    /// `crit_alarm`; empty where there is none.
    var property: String

    private static let types: Set<String> = [
        "vrm", "beep_enable", "update_interval", "in", "cpu", "fan", "pwm", "temp", "curr", "power", "energy",
        "humidity", "intrusion",
    ]

    /// Nil where the name is none of a sensor's: `^(?P<type>[^0-9]+)(?P<id>[0-9]*)?(_(?P<property>.+))?$`.
    init?(_ name: String) {
        let bytes: [UInt8] = Array(name.utf8)
        func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
        let type: ArraySlice<UInt8> = bytes.prefix { !isDigit($0) }
        let number: ArraySlice<UInt8> = bytes[type.endIndex...].prefix(while: isDigit)
        let rest: ArraySlice<UInt8> = bytes[number.endIndex...]
        self.type = text(type)
        // Without a number the whole name is the type, and the sensor has the number 0.
        guard Self.types.contains(self.type), rest.isEmpty || rest.first == UInt8(ascii: "_") else { return nil }
        let index: UInt64 = counter(number) ?? 0
        sensor = "\(self.type)\(index)"
        property = text(rest.dropFirst())
    }

    /// The metric's name, and what the file's number is multiplied with, as node_exporter has both.
    func metric(hasBareValue: Bool) -> (name: String, scale: Double)? {
        switch type {
        case "beep_enable": return ("node_hwmon_beep_enabled", 1)
        case "vrm": return ("node_hwmon_voltage_regulator_version", 1)
        case "update_interval": return ("node_hwmon_update_interval_seconds", 0.001)
        default: break
        }
        var name = "node_hwmon_\(type)"
        if property == "input" {
            if hasBareValue { name += "_input" }
        } else if !property.isEmpty {
            name += "_\(cleaned(property))"
        }
        switch (type, property) {
        case (_, "fault"), (_, "alarm"): return (name, 1)
        case (_, "beep"): return (name + "_enabled", 1)
        case ("in", _), ("cpu", _): return (name + "_volts", 0.001)
        case ("temp", "type"): return (name, 1)
        case ("temp", _): return (name + "_celsius", 0.001)
        case ("curr", _): return (name + "_amps", 0.001)
        case ("energy", _): return (name + "_joule_total", 0.000001)
        case ("power", "accuracy"): return (name, 0.000001)
        case ("power", "average_interval"), ("power", "average_interval_min"), ("power", "average_interval_max"):
            return (name + "_seconds", 0.001)
        case ("power", _): return (name + "_watt", 0.000001)
        case ("humidity", _): return (name, 0.000001)
        case ("fan", "input"), ("fan", "min"), ("fan", "max"), ("fan", "target"): return (name + "_rpm", 1)
        default: return (name, 1)
        }
    }
}

/// Lower-case letters, digits, `_` and `:`; everything else is `_`, and none of it at the ends.
private func cleaned(_ text: String) -> String {
    var bytes: [UInt8] = []
    for byte in text.lowercased().utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ":"):
            bytes.append(byte)
        default: bytes.append(UInt8(ascii: "_"))
        }
    }
    while bytes.first == UInt8(ascii: "_") { bytes.removeFirst() }
    while bytes.last == UInt8(ascii: "_") { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
}
