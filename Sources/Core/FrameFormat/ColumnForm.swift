import Telemetry

/// The byte that says how a column is written.
struct ColumnForm: Hashable, Sendable {
    var scale: Scale
    /// Two bits per frame come first, which say where there is no number.
    var hasStates: Bool
    var coding: Coding

    init(scale: Scale, hasStates: Bool, coding: Coding) {
        self.scale = scale
        self.hasStates = hasStates
        self.coding = coding
    }

    init?(_ byte: UInt8) {
        guard let coding = Coding(rawValue: byte >> 6) else { return nil }
        self.coding = coding
        scale = Scale(code: byte & 0x1F)
        hasStates = byte & 0x20 != 0
        // The values' own bits are no whole numbers.
        if coding != .differences, scale == .bits { return nil }
    }

    var byte: UInt8 { scale.code | (hasStates ? 0x20 : 0) | coding.rawValue << 6 }
}

/// What stands at one place of a column, in two bits.
enum CellState: UInt8 {
    case number = 0, absent, stale, notANumber

    init(_ value: Double) {
        self = value.isNaN ? (value.isAbsent ? .absent : value.isStaleMarker ? .stale : .notANumber) : .number
    }

    var special: Double {
        switch self {
        case .number, .notANumber: .nan
        case .absent: .absent
        case .stale: .staleMarker
        }
    }
}
