package import Runtime

/// systemd on the system bus.
package struct SystemdBus: UnitSource {
    private let connection: BusConnection

    /// Where the system bus is, on every distribution.
    package static let usualPath = "/run/dbus/system_bus_socket"
    private static let destination = "org.freedesktop.systemd1"
    private static let manager = "org.freedesktop.systemd1.Manager"
    private static let managerPath = "/org/freedesktop/systemd1"

    /// Where a bus is that systemd is on.
    package struct Address: UnitBus {
        package var path: String

        package init(path: String = SystemdBus.usualPath) { self.path = path }

        package func connect() throws(FileError) -> any UnitSource { try SystemdBus(path: path) }
    }

    package init(path: String = usualPath) throws(FileError) { connection = try BusConnection(path: path) }

    package func units() throws(FileError) -> [SystemUnit] {
        let answer: BusMessage = try connection.call(
            "ListUnits", of: Self.manager, at: Self.managerPath, on: Self.destination)
        do throws(BusError) { return try Self.units(answer) } catch {
            throw FileError(path: "systemd", operation: "list the units of", reason: error.message)
        }
    }

    /// `a(ssssssouso)`: name, description, load state, active state, sub-state, followed unit, object, job.
    static func units(_ answer: BusMessage) throws(BusError) -> [SystemUnit] {
        guard answer.signature == "a(ssssssouso)" else { throw BusError("an answer of type \(answer.signature)") }
        var reader = BusReader(answer.body)
        let length: Int = Int(try reader.number())
        reader.align(8)
        let end: Int = reader.position + length
        var units: [SystemUnit] = []
        while reader.position < end {
            reader.align(8)
            let name: String = try reader.text()
            _ = try reader.text()
            let loadState: String = try reader.text()
            let activeState: String = try reader.text()
            _ = try reader.text()
            _ = try reader.text()
            let path: String = try reader.text()
            _ = try reader.number()
            _ = try reader.text()
            _ = try reader.text()
            units.append(
                SystemUnit(name: name, isLoaded: loadState == "loaded", activeState: activeState, path: path))
        }
        return units
    }

    package func systemVersion() throws(FileError) -> String? { try managerProperty("Version") }
    package func systemState() throws(FileError) -> String? { try managerProperty("SystemState") }

    private func managerProperty(_ name: String) throws(FileError) -> String? {
        let values: [BusValue?] = try connection.properties(
            name, of: Self.manager, at: [Self.managerPath], on: Self.destination)
        if case .text(let text)?? = values.first { return text }
        return nil
    }

    package func properties(
        _ property: String, of type: String, _ units: [SystemUnit]
    ) throws(FileError) -> [BusValue?] {
        try connection.properties(
            property, of: "org.freedesktop.systemd1.\(type)", at: units.map(\.path), on: Self.destination)
    }
}
