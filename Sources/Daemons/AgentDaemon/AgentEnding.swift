import Runtime

/// What became, when an agent stopped, of what it held.
package enum AgentEnding: Hashable, Sendable {
    /// The server has all of it.
    case delivered
    /// The rest is in the spool, for the next start.
    case spooled
    /// Some of it is nowhere: there is no spool, or it took nothing.
    case lost

    /// 3 is a success in the unit; 4 is none.
    package var exitStatus: Int32 {
        switch self {
        case .delivered: ExitStatus.success
        case .spooled: 3
        case .lost: 4
        }
    }
}
