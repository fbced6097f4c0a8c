import Database
import Declarations
import StoreService
import Telemetry

extension RunningConfig {
    /// How long spans of metrics stay in frames where no Retention says.
    static let sealAfterByDefault = PromDuration.hours(48)

    /// When metrics are sealed: of several Retentions the longest counts.
    var sealPolicy: SealPolicy {
        let declared: [PromDuration] = wholeRetentions.filter { $0.dataset == .metrics }.compactMap(\.sealAfter)
        return SealPolicy(sealAfter: declared.max() ?? Self.sealAfterByDefault)
    }
}
