import Declarations
package import Telemetry

extension Enforcement {
    /// What has an effect, one order a line.
    package func lines(at now: Timestamp) -> [String] {
        var lines: [String] = []
        if let suspension {
            lines.append(
                "suspended by \(printable(suspension.by)) at \(suspension.at)\(Self.because(suspension.reason))")
        }
        if let pin {
            let allowed: String =
                pin.permissions.isEmpty
                ? "" : ", allowing \(pin.permissions.map(\.rawValue).sorted().joined(separator: ", "))"
            lines.append(
                "pinned to \(pin.commit.prefix(10)) by \(printable(pin.by)) at \(pin.at)\(allowed)"
                    + Self.because(pin.reason))
        }
        lines += active(at: now).map {
            "\($0.resource) tolerated until \($0.until), by \(printable($0.by))\(Self.because($0.reason))"
        }
        return lines
    }

    private static func because(_ reason: String?) -> String { reason.map { ": \(printable($0))" } ?? "" }
}
