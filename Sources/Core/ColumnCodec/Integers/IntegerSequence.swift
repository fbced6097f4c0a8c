/// The form of a sequence of integers: what is written of each, and how.
///
/// The numbers are distances from the first, divided by what divides all of them. Of these either the distance from a
/// middle one is written, or how much the difference to the one before is above a middle difference, or how much the
/// difference to the one before is above the difference before that.
enum IntegerSequence {
    /// What is written of each number.
    enum Order: UInt8, CaseIterable {
        /// How far it is from a level: noise.
        case level = 0
        /// How far its step from the one before is from the usual step: counters, times, and gauges that wander.
        case delta = 1
        /// How far its step is from the step before: what goes faster and faster.
        case deltaOfDelta = 2
    }

    /// How it is written.
    enum Coding: UInt8 {
        /// All are zero.
        case zeros = 0
        /// Each in the same number of bits.
        case packed = 1
        /// As tokens of a prefix code.
        case tokens = 2
        /// Each in the same number of bytes, for a general compressor behind it.
        case bytes = 3
    }
}

extension BinaryInteger {
    /// The greatest number that divides both.
    static func greatestCommonDivisor(_ left: Self, _ right: Self) -> Self {
        var (left, right): (Self, Self) = (left, right)
        while right != 0 { (left, right) = (right, left % right) }
        return left
    }
}
