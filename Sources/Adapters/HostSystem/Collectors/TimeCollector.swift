import Runtime
import Telemetry

/// Whether the host's clock is synchronised, and how well (`adjtimex`); and which source it runs on.
struct TimeCollector: HostCollector {
    let name = "timex"
    let exclusion: Exclusion
    private static let sources = "/sys/devices/system/clocksource/clocksource0"
    private let files: any HostFiles

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        do throws(FileError) { Self.add(try files.clockState(), &collected) } catch {
            collected.problems.append(error.description)
        }
        guard let content = contentIfPresent("\(Self.sources)/current_clocksource", files, &collected) else { return }
        let source: Bytes = content[...].trimmed
        collected.add("node_time_clocksource_current_info", key: source, 1) {
            Series("node_time_clocksource_current_info", ["clocksource": label(source), "device": "0"])
        }
    }

    /// `TIME_ERROR` of adjtimex(2).
    private static let notSynchronised = 5
    /// `STA_NANO`.
    private static let nanosecondsStatus = 0x2000
    /// Frequencies are in 2^-16 parts per million.
    private static let partsPerMillion = 65_536.0 * 1e6

    private static func add(_ clock: KernelClock, _ collected: inout Collected) {
        let offsetUnit: Double = clock.status & nanosecondsStatus != 0 ? 1e9 : 1e6
        collected.add("node_timex_sync_status", clock.state == notSynchronised ? 0 : 1)
        collected.add("node_timex_offset_seconds", Double(clock.offset) / offsetUnit)
        collected.add("node_timex_frequency_adjustment_ratio", 1 + Double(clock.frequency) / partsPerMillion)
        collected.add("node_timex_maxerror_seconds", Double(clock.maximumError) / 1e6)
        collected.add("node_timex_estimated_error_seconds", Double(clock.estimatedError) / 1e6)
        collected.add("node_timex_status", Double(clock.status))
        collected.add("node_timex_loop_time_constant", Double(clock.loopTimeConstant))
        collected.add("node_timex_tick_seconds", Double(clock.tick) / 1e6)
        collected.add("node_timex_tai_offset_seconds", Double(clock.taiOffset))
        collected.add("node_timex_pps_frequency_hertz", Double(clock.pps.frequency) / partsPerMillion)
        collected.add("node_timex_pps_jitter_seconds", Double(clock.pps.jitter) / offsetUnit)
        collected.add("node_timex_pps_shift_seconds", Double(clock.pps.shift))
        collected.add("node_timex_pps_stability_hertz", Double(clock.pps.stability) / partsPerMillion)
        collected.add("node_timex_pps_jitter_total", Double(clock.pps.jitterCount))
        collected.add("node_timex_pps_calibration_total", Double(clock.pps.calibrationCount))
        collected.add("node_timex_pps_error_total", Double(clock.pps.errorCount))
        collected.add("node_timex_pps_stability_exceeded_total", Double(clock.pps.stabilityExceededCount))
    }
}
