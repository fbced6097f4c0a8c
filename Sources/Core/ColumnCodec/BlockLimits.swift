/// The bounds of one block.
package enum BlockLimits {
    /// Rows of a block. A decoder takes memory for this many numbers at most, whatever the bytes say of themselves.
    package static let rows = 65_536
    /// Rows that a writer puts into one block. Longer blocks spread headers and summaries over more samples, shorter
    /// ones decode less for a narrow window; from about two thousand on the bytes hardly shrink any more.
    package static let rowsWritten = 2048
}
