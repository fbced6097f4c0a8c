import Declarations
import Glibc
@testable import HostSystem
import Runtime
import Synchronization
import Telemetry
import TestSupport
import Testing

/// A real dbus-daemon on a socket of its own: it refuses what is not well-formed.
private final class Bus {
    private let folder: TemporaryFolder
    private let process: pid_t
    var path: String { folder("bus") }

    static var program: String? {
        ["/usr/bin/dbus-daemon"].first { access($0, X_OK) == 0 }
    }

    init(_ program: String) async throws {
        folder = try TemporaryFolder()
        try folder.write(
            """
            <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
             "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
            <busconfig>
              <listen>unix:path=\(folder("bus"))</listen>
              <auth>EXTERNAL</auth>
              <policy context="default">
                <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
                <allow own="*"/><allow user="*"/>
              </policy>
            </busconfig>
            """, to: "config")
        let command: [String] = [program, "--nofork", "--nopidfile", "--config-file=\(folder("config"))"]
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var started: pid_t = 0
        guard posix_spawn(&started, program, nil, nil, &arguments, environ) == 0 else {
            throw TestSupportError("cannot start \(program)")
        }
        process = started
        let deadline: ContinuousClock.Instant = .now + .seconds(10)
        while access(folder("bus"), F_OK) != 0 {
            guard ContinuousClock.now < deadline else { throw TestSupportError("dbus-daemon did not start") }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    deinit {
        // Threads of Swift have SIGTERM blocked, and so does what they start.
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
    }
}

/// Answers on the bus as systemd does.
private final class Systemd: Sendable {
    private struct Unit: Sendable {
        var name: String
        var state: String
        var load = "loaded"
        var properties: [String: BusValue] = [:]
    }

    private static let units = [
        Unit(
            name: "ssh.service", state: "active", properties: ["Type": .text("notify"), "NRestarts": .number(3)]),
        Unit(
            name: "broken.service", state: "failed", properties: ["Type": .text("oneshot"), "NRestarts": .number(0)]),
        Unit(name: "gone.service", state: "inactive", load: "not-found"),
        Unit(
            name: "apt.timer", state: "active",
            properties: ["LastTriggerUSec": .number(1_700_000_000_500_000)]),
        Unit(name: "dev-sda.device", state: "active"), Unit(name: "skip-me.service", state: "active"),
    ]

    init(path: String) throws {
        // Nobody may ask for longer than a collector waits.
        let connection = try BusConnection(path: path, timeoutSeconds: 600)
        let owned = try connection.call(
            "RequestName", of: "org.freedesktop.DBus", at: "/org/freedesktop/DBus", on: "org.freedesktop.DBus",
            signature: "su", body: Self.nameRequest)
        guard owned.kind == .answer else { throw TestSupportError("cannot own the name") }
        BlockingThread.detach {
            while let message = try? connection.next() {
                guard message.kind == .call else { continue }
                guard (try? connection.send(Self.answer(message))) != nil else { return }
            }
        }
    }

    private static var nameRequest: [UInt8] {
        var writer = BusWriter()
        writer.text("org.freedesktop.systemd1")
        writer.number(4)
        return writer.bytes
    }

    private static func answer(_ call: BusMessage) -> BusMessage {
        var answer = BusMessage(.answer, serial: call.serial)
        answer.replySerial = call.serial
        answer.destination = call.sender
        var writer = BusWriter()
        if call.member == "ListUnits" {
            answer.signature = "a(ssssssouso)"
            var list = BusWriter()
            for unit in units {
                list.align(8)
                for text in [unit.name, "what it is", unit.load, unit.state, "running", "", "/u/\(place(unit.name))"] {
                    list.text(text)
                }
                list.number(0)
                list.text("")
                list.text("/")
            }
            writer.number(UInt32(list.bytes.count))
            writer.align(8)
            writer.bytes += list.bytes
        } else if let value = value(call) {
            answer.signature = "v"
            switch value {
            case .text(let text):
                writer.signature("s")
                writer.text(text)
            case .number(let number):
                let isLarge: Bool = number > UInt64(UInt32.max)
                writer.signature(isLarge ? "t" : "u")
                isLarge ? writer.largeNumber(number) : writer.number(UInt32(number))
            }
        } else {
            answer.kind = .error
            answer.errorName = "org.freedesktop.DBus.Error.UnknownProperty"
            answer.signature = "s"
            writer.text("no such property")
        }
        answer.body = writer.bytes
        return answer
    }

    private static func place(_ name: String) -> Int { units.firstIndex { $0.name == name } ?? -1 }

    private static func value(_ call: BusMessage) -> BusValue? {
        var reader = BusReader(call.body)
        guard let interface = try? reader.text(), let property = try? reader.text() else { return nil }
        if interface == "org.freedesktop.systemd1.Manager" {
            return ["Version": .text("252.22-1~deb12u1"), "SystemState": .text("degraded")][property]
        }
        guard let place = call.path?.split(separator: "/").last.flatMap({ Int($0) }), units.indices.contains(place)
        else { return nil }
        return units[place].properties[property]
    }
}

/// A bus that does not answer.
private struct SilentBus: UnitBus {
    func connect() throws(FileError) -> any UnitSource {
        throw FileError(path: "/bus", operation: "ask the system bus at", reason: "no answer in time")
    }
}

/// Services that come, go and change, by name with their type.
private final class ChangingServices: UnitBus, UnitSource {
    let services: Mutex<[String: String]>
    let typesAsked = Mutex(0)

    init(_ services: [String: String]) { self.services = Mutex(services) }

    func connect() -> any UnitSource { self }
    func systemVersion() -> String? { nil }
    func systemState() -> String? { nil }
    func units() -> [SystemUnit] {
        services.withLock { $0.keys.map { SystemUnit(name: $0, activeState: "active", path: $0) } }
    }
    func properties(_ property: String, of type: String, _ units: [SystemUnit]) -> [BusValue?] {
        guard property == "Type" else { return units.map { _ in nil } }
        typesAsked.withLock { $0 += units.count }
        return services.withLock { services in units.map { services[$0.path].map(BusValue.text) } }
    }
}

@Suite struct UnitsCollectorTests {
    /// The types that the collector tells of active services, over several looks.
    private func types(_ collector: inout any HostCollector, _ collected: inout Collected) async -> Set<String> {
        collected.begin()
        await collector.collect(into: &collected)
        return Set(
            collected.measurements.filter { $0.value == 1 && $0.series.name == "node_systemd_unit_state" }.compactMap {
                $0.series.labels["type"]
            })
    }

    @Test func theTypeOfAServiceThatIsGoneIsForgotten() async {
        let bus = ChangingServices(["run-1.service": "oneshot"])
        var dependencies = dependencies(RecordedHostFiles([:]))
        dependencies.bus = bus
        var collector: any HostCollector = makeCollector(.units, exclude: [], dependencies)
        var collected = Collected()
        #expect(await types(&collector, &collected) == ["oneshot"])
        bus.services.withLock { $0 = [:] }
        #expect(await types(&collector, &collected) == [])
        bus.services.withLock { $0 = ["run-1.service": "notify"] }
        #expect(await types(&collector, &collected) == ["notify"])
        #expect(bus.typesAsked.withLock { $0 } == 2)
    }

    @Test func aTypeThatChangesIsSeenWithinThirtyLooks() async {
        let bus = ChangingServices(["web.service": "simple"])
        var dependencies = dependencies(RecordedHostFiles([:]))
        dependencies.bus = bus
        var collector: any HostCollector = makeCollector(.units, exclude: [], dependencies)
        var collected = Collected()
        #expect(await types(&collector, &collected) == ["simple"])
        bus.services.withLock { $0 = ["web.service": "notify"] }
        for _ in 1...29 { _ = await types(&collector, &collected) }
        #expect(await types(&collector, &collected) == ["notify"])
        #expect(bus.typesAsked.withLock { $0 } == 2)
    }

    @Test(.enabled(if: Bus.program != nil, "dbus-daemon is not installed"))
    func unitsAreToldAsSystemdTellsThemOverTheBus() async throws {
        let bus = try await Bus(try #require(Bus.program))
        let path: String = bus.path
        let systemd = try Systemd(path: path)
        var dependencies = dependencies(RecordedHostFiles([:]))
        dependencies.bus = SystemdBus.Address(path: path)
        var collector = makeCollector(.units, exclude: ["skip-*"], dependencies)
        for _ in 1...2 {
            let collected: Collected = await collector.collect()
            #expect(collected.problems == [])
            #expect(
                collected.lines.filter { !$0.hasSuffix(" 0.0") } == [
                    #"node_systemd_service_restart_total{name="ssh.service"} 3.0"#,
                    #"node_systemd_timer_last_trigger_seconds{name="apt.timer"} 1700000000.5"#,
                    #"node_systemd_unit_state{name="apt.timer",state="active"} 1.0"#,
                    #"node_systemd_unit_state{name="broken.service",state="failed",type="oneshot"} 1.0"#,
                    #"node_systemd_unit_state{name="ssh.service",state="active",type="notify"} 1.0"#,
                    #"node_systemd_units{state="active"} 4.0"#, #"node_systemd_units{state="failed"} 1.0"#,
                    #"node_systemd_units{state="inactive"} 1.0"#,
                    #"node_systemd_version{version="252.22-1~deb12u1"} 252.22"#,
                ])
            #expect(collected["node_systemd_system_running"] == 0)
            #expect(collected.lines.count { $0.hasPrefix("node_systemd_unit_state") } == 15)
        }
        _ = systemd
    }

    @Test func aHostWithoutSystemdHasNothingToTellAndABusThatFailsIsSaid() async {
        var missing = dependencies(RecordedHostFiles([:]))
        missing.bus = SystemdBus.Address(path: "/nowhere/bus")
        var collector = makeCollector(.units, exclude: [], missing)
        let nothing: Collected = await collector.collect()
        #expect(nothing.lines == [])
        #expect(nothing.problems == [])
        var broken = dependencies(RecordedHostFiles([:]))
        broken.bus = SilentBus()
        collector = makeCollector(.units, exclude: [], broken)
        #expect(await collector.collect().problems == ["cannot ask the system bus at /bus: no answer in time"])
    }

    /// Whatever comes over the bus, it is read or refused.
    @Test func noBytesTrapTheReader() throws {
        var call = BusMessage(
            call: "Get", of: "a.b", at: "/a/b", on: "c.d", ["first", "second"], serial: 7)
        call.replySerial = 9
        let good: [UInt8] = call.encoded
        #expect(try BusMessage(decoding: good) == call)
        #expect(try BusMessage.length(prefix: Array(good.prefix(16))) == good.count)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var bytes: [UInt8] = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            bytes.removeLast(Int.random(in: 0...20, using: &random))
            var message = try? BusMessage(decoding: bytes)
            message?.signature = "a(ssssssouso)"
            if let message { _ = try? SystemdBus.units(message) }
        }
    }
}
