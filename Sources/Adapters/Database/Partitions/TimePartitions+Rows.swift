// Work on single rows of a partition, for what is kept for another time than the rest of its dataset.
extension TimePartitions {
    /// The table that statements about the rows of a partition name; they say the time too.
    package func table(of partition: TimePartition) async throws(DatabaseError) -> String {
        try await style() == .native ? partition.name : table
    }
}

/// One step of removing rows, each a transaction of its own.
package struct ErasureStep: Sendable {
    /// The leadership that each step checks.
    package var leadership: Leadership
    /// Rows of one step.
    package var rows: Int

    package init(leadership: Leadership, rows: Int = 2000) {
        self.leadership = leadership
        self.rows = rows
    }
}

/// Asked before each step: waits a little, and gives the leadership as it is then. Throws where there is none any more.
package typealias ErasurePace = @Sendable () async throws -> ErasureStep
