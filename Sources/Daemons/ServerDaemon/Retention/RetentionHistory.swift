import Declarations
import StoreService
import Telemetry

/// What retention of a dataset was in force when, from what is live now and from the changes that led to it.
struct RetentionHistory: Hashable, Sendable {
    /// What one Retention said at some time.
    enum Setting: Hashable, Sendable {
        /// It was not there, or said something of another dataset, or of some series only.
        case absent
        case keep(PromDuration)
        /// It was there and dropped nothing by time.
        case everything
        /// It was there and cannot be read any more: nothing may be dropped on its account.
        case unreadable

        init(_ spec: JSONValue?, of dataset: RetentionSpec.Dataset, _ part: RetainedPart = .raw) {
            guard let spec, !Self.isOfAnother(spec, than: dataset), spec["matchers"]?.array?.isEmpty ?? true else {
                self = .absent
                return
            }
            var written: JSONValue? = spec["keep"]
            if case .rollup(let width) = part { written = spec["rollups"]?[width.rawValue] ?? written }
            guard let written else {
                self = spec["maxSize"] ?? spec["minFreeDisk"] == nil ? .unreadable : .everything
                return
            }
            let keep: PromDuration? = written.string.flatMap { PromDuration($0) }
            self = keep.map(Setting.keep) ?? .unreadable
        }

        private static func isOfAnother(_ spec: JSONValue, than dataset: RetentionSpec.Dataset) -> Bool {
            guard let name = spec["dataset"]?.string, let said = RetentionSpec.Dataset(rawValue: name) else {
                return false
            }
            return said != dataset
        }
    }

    /// A change of one Retention: what it said until then.
    struct Change: Hashable, Sendable {
        var name: String
        var before: Setting
        var at: Timestamp
    }

    /// What is declared now; nil keeps everything.
    let declared: PromDuration?
    /// What was in force before each change, in order of the changes.
    let past: [EffectiveRetention.Past]

    /// `changes` in order of time.
    init(live: [String: Setting], changes: [Change]) {
        var settings: [String: Setting] = live
        declared = Self.keep(settings)
        var past: [EffectiveRetention.Past] = []
        for change in changes.reversed() {
            settings[change.name] = change.before
            past.append(EffectiveRetention.Past(keep: Self.keep(settings), until: change.at))
        }
        self.past = past.reversed()
    }

    /// Of several the longest counts; where nothing is declared, or something cannot be read, everything is kept.
    private static func keep(_ settings: [String: Setting]) -> PromDuration? {
        var longest: PromDuration?
        for setting in settings.values {
            switch setting {
            case .absent: break
            case .everything, .unreadable: return nil
            case .keep(let keep): longest = max(longest ?? keep, keep)
            }
        }
        return longest
    }
}
