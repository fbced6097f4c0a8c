/// Exit statuses that mean the same in every program; what else a command answers with is its own.
package enum ExitStatus {
    package static let success: Int32 = 0
    package static let failure: Int32 = 1
    /// Wrong usage: `EX_USAGE` of sysexits.h.
    package static let usage: Int32 = 64
}
