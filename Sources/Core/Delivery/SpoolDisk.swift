/// Where the segments of a spool are kept.
///
/// What was appended may be lost or cut with the machine's power, and changed by a bad disk: whoever reads checks.
package protocol SpoolDisk: Sendable {
    /// The numbers of the segments that there are.
    func segments() throws(SpoolDiskError) -> [Int]
    /// All bytes of a segment.
    func read(_ number: Int) throws(SpoolDiskError) -> [UInt8]
    /// Adds bytes at the end of a segment, which is made with the first. After an error a part of them may be there.
    func append(_ bytes: [UInt8], to number: Int) throws(SpoolDiskError)
    func remove(_ number: Int) throws(SpoolDiskError)
}

package struct SpoolDiskError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}
