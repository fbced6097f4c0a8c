import Alerting
import ConfigAPI
import Database
import Declarations
import Runtime
import Telemetry

/// That a host's clock has gone wrong, or is right again.
struct HostClockNotice {
    let host: String
    /// The host's clock minus the server's.
    let offset: PromDuration
    /// Nil where it begins now.
    let told: HostClockStore.Told?
    let at: Timestamp

    /// Nil where nothing changed. A host that is silent, and one that has not measured since its clock was set, is as it
    /// was.
    init?(of host: KnownHost, told: HostClockStore.Told?, at now: Timestamp) {
        guard host.status == .ok, let milliseconds = host.agent?.clockOffsetMilliseconds else { return nil }
        let offset = PromDuration(milliseconds: Int64(milliseconds))
        guard ClockTolerance.isWrong(offset: offset, wasWrong: told != nil) != (told != nil) else { return nil }
        self.host = host.name
        self.offset = offset
        self.told = told
        at = now
    }

    private var begins: Bool { told == nil }

    var notification: Notification {
        Notification(
            dedupeKey: key, event: begins ? .firing : .resolved, rule: "host.clock",
            severity: begins ? .warning : .info,
            labels: ["host": host], annotations: ["summary": text], value: offset.seconds,
            activeSince: told?.since ?? at, at: at, provenance: nil)
    }

    /// What is to be remembered: nil once it is over.
    var remembered: HostClockStore.Told? { begins ? HostClockStore.Told(since: at, notice: key) : nil }

    private var key: String {
        hexadecimal(Digests.sha256(Array("\(host) clock \(begins) \(at.microseconds)".utf8)).prefix(16))
    }

    private var text: String {
        guard begins else { return "the clock of \(host) is right again" }
        let span = PromDuration(milliseconds: abs(offset.milliseconds))
        return
            "the clock of \(host) is \(span) \(offset.milliseconds > 0 ? "ahead of" : "behind") the server's; what it sends "
            + "is stored at the times that it says. Check its time synchronisation"
    }
}
