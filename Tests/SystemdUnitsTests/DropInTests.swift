import Declarations
import SystemdUnits
import Telemetry
import Testing

@Suite struct DropInTests {
    @Test func settingsOfAServiceAreLinesOfItsSection() {
        #expect(
            DropIn.text([.memoryMax: .integer(1 << 30), .cpuQuota: "50%", .nice: 5]) == """
                # Written by gitops-sync from the Unit in git. What is changed here is undone.
                [Service]
                MemoryMax=1073741824
                CPUQuota=50%
                Nice=5

                """)
        #expect(DropIn.text([:]) == nil)
    }

    /// An empty assignment clears the time after boot too: a timer that counts from its last run would never fire again
    /// once the machine was restarted.
    // Shows W-B-04
    @Test func aTimerWhoseTimesAreDeclaredFiresAfterBootToo() {
        #expect(
            DropIn.text([.onUnitActiveSec: "1h30m", .randomizedDelaySec: "5s"]) == """
                # Written by gitops-sync from the Unit in git. What is changed here is undone.
                [Timer]
                OnCalendar=
                OnBootSec=1min
                OnUnitActiveSec=5400000ms
                RandomizedDelaySec=5000ms

                """)
        #expect(DropIn.text([.randomizedDelaySec: "5s"])?.contains("OnBootSec") == false)
    }

    @Test(
        arguments: [
            [:], [.memoryMax: .integer(1 << 20)], [.nice: -20, .cpuQuota: "5%"], [.onCalendar: "*-*-* 00,12:00:00"],
            [.onCalendar: "daily", .onUnitActiveSec: "1w", .randomizedDelaySec: "0s"], [.randomizedDelaySec: "1m30s"],
        ] as [[UnitSetting: JSONValue]])
    func whatIsWrittenIsReadAsWhatWasDeclared(_ settings: [UnitSetting: JSONValue]) {
        let read: [String: JSONValue] = DropIn.text(settings).map(DropIn.settings) ?? [:]
        #expect(read == Dictionary(uniqueKeysWithValues: settings.map { ($0.key.rawValue, $0.value) }))
    }

    @Test func whatSomebodyElseWroteShowsUnderItsOwnName() {
        let text = "; mine\n[Service]\n MemoryMax = 2G \nNice=5\nExecStartPre=/bin/evil\n[Timer]\nNice=1\n"
        #expect(
            DropIn.settings(in: text) == [
                "MemoryMax": "2G", "Nice": 5, "Service.ExecStartPre": "/bin/evil", "Timer.Nice": "1",
            ])
        let cleared = DropIn.settings(in: "[Timer]\nOnCalendar=\nOnBootSec=1min\n")
        #expect(cleared == ["Timer.cleared": ["OnCalendar=", "OnBootSec=1min"]])
        #expect(DropIn.settings(in: "[Timer]\nOnCalendar=daily\n") == ["OnCalendar": "daily", "Timer.cleared": []])
    }

    /// systemd adds every time of a timer to those before it, and an empty one takes back all of them.
    @Test(arguments: [
        "[Timer]\nOnCalendar=\nOnBootSec=1min\nOnCalendar=minutely\nOnCalendar=daily\n",
        "[Timer]\nOnCalendar=\nOnBootSec=1min\nOnCalendar=daily\nOnCalendar=daily\n",
        "[Timer]\nOnCalendar=daily\nOnCalendar=\nOnBootSec=1min\n",
        "[Timer]\nOnCalendar=\nOnCalendar=daily\nOnBootSec=1min\n",
    ])
    func aTimerThatFiresAtOtherTimesThanTheLastLineSaysIsNotEqual(_ text: String) throws {
        let declared: [UnitSetting: JSONValue] = [.onCalendar: "daily"]
        let written = try #require(DropIn.text(declared))
        #expect(DropIn.settings(in: written) == ["OnCalendar": "daily"])
        #expect(DropIn.settings(in: text) != DropIn.settings(in: written))
    }

    @Test func everyLineThatIsRepeatedShows() {
        #expect(
            DropIn.settings(in: "[Service]\nNice=1\nNice=5\n[Service]\nUser=a\nUser=b\n") == [
                "Nice": [1, 5], "Service.User": ["a", "b"],
            ])
    }
}
