/// Why a sample is not stored, in one word: the label of a counter, so the words are few and fixed.
package enum RejectReason: String, CaseIterable, Hashable, Sendable {
    /// Not of the form that was expected there.
    case form
    /// A metric's or a producer's name.
    case name
    /// Names, values or number of labels.
    case labels
    /// The series stands in the list twice.
    case twice
    /// Out of the time window, or no time.
    case time
    /// No value.
    case value
    /// Of another host than the request's.
    case host
    /// More than are read at once.
    case size
    /// The source or its host has too many series.
    case seriesLimit
}

/// What is wrong with one thing of a request.
struct Objection: Error, Hashable, Sendable, CustomStringConvertible {
    var reason: RejectReason
    var description: String

    init(_ reason: RejectReason, _ description: String) {
        self.reason = reason
        self.description = description
    }
}
