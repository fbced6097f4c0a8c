package import Telemetry

/// One table of the catalogue, as sealing sees it.
package struct CataloguedTable: Hashable, Sendable {
    /// What it holds; see the migration that adds the column.
    package enum State: String, Hashable, Sendable {
        /// Frames, read and written. Becomes `closed`.
        case open
        /// Frames, read. Becomes `leaving` when the blocks that were made of it are `sealed`.
        case closed
        /// Blocks, not read. Becomes `sealed`, or `leaving` when its frames are gone before.
        case building
        /// Blocks, read. Becomes `leaving` when newer blocks of the span are `sealed`.
        case sealed
        /// Not read by those who read the catalogue now. Is dropped.
        case leaving
    }

    package var name: String
    /// Included.
    package var from: Timestamp
    /// Not included.
    package var to: Timestamp
    package var state: State
    package var changedAt: Timestamp

    package init(name: String, from: Timestamp, to: Timestamp, state: State, changedAt: Timestamp) {
        (self.name, self.from, self.to) = (name, from, to)
        (self.state, self.changedAt) = (state, changedAt)
    }
}

/// When what is sealed.
package struct SealPolicy: Hashable, Sendable {
    /// How long after its end a span stays in frames.
    package var sealAfter: PromDuration
    /// How long late frames of a sealed span gather before they are folded in.
    package var foldAfter: PromDuration
    /// How long a table that nobody needs any more waits for readers that found it in the catalogue before.
    package var dropAfter: PromDuration

    package init(
        sealAfter: PromDuration, foldAfter: PromDuration = .hours(6), dropAfter: PromDuration = .minutes(1)
    ) {
        (self.sealAfter, self.foldAfter, self.dropAfter) = (sealAfter, foldAfter, dropAfter)
    }
}

/// The next thing to do, each small enough to be done again from its beginning when it was cut off.
package enum SealStep: Hashable, Sendable {
    /// Refuse further writes into a table of frames.
    case close(table: String)
    /// Make the table that the blocks of a span go into.
    case begin(from: Timestamp, to: Timestamp)
    /// Fill it from closed tables and the blocks that were there, and let readers have it in their place.
    case fill(building: String, frames: [String], blocks: String?, from: Timestamp, to: Timestamp)
    /// Give up a table of blocks whose frames retention took meanwhile.
    case abandon(building: String)
    /// Drop a table that is `leaving`.
    case drop(table: String)
}

/// What is to be done, from the catalogue alone: whoever leads after a crash goes on where the last one was cut off.
package enum SealPlan {
    /// Every step that can be taken now, the most urgent first: what was begun is finished before more is begun, and
    /// older spans come before newer ones.
    package static func steps(_ tables: [CataloguedTable], _ policy: SealPolicy, now: Timestamp) -> [SealStep] {
        let spans: [[CataloguedTable]] = Dictionary(grouping: tables, by: \.from).sorted { $0.key < $1.key }.map(
            \.value)
        return spans.compactMap { finishing($0) } + spans.flatMap { closing($0, policy, now) }
            + tables.filter { $0.state == .leaving && $0.changedAt + policy.dropAfter <= now }.map {
                .drop(table: $0.name)
            }
    }

    private static func finishing(_ span: [CataloguedTable]) -> SealStep? {
        let closed: [CataloguedTable] = span.filter { $0.state == .closed }.sorted { $0.name < $1.name }
        guard let first = closed.first else {
            return span.first { $0.state == .building }.map { .abandon(building: $0.name) }
        }
        guard let building = span.first(where: { $0.state == .building }) else {
            return .begin(from: first.from, to: first.to)
        }
        return .fill(
            building: building.name, frames: closed.map(\.name), blocks: span.first { $0.state == .sealed }?.name,
            from: first.from, to: first.to)
    }

    /// The open table of a span is closed when the span is old enough; where the span is sealed already, when late
    /// frames have gathered in it for long enough. Never while the span is being sealed: first come, first served.
    private static func closing(_ span: [CataloguedTable], _ policy: SealPolicy, _ now: Timestamp) -> [SealStep] {
        guard !span.contains(where: { $0.state == .closed || $0.state == .building }) else { return [] }
        let isSealed: Bool = span.contains { $0.state == .sealed }
        return span.filter { $0.state == .open }.filter { table in
            guard table.to + policy.sealAfter <= now else { return false }
            return !isSealed || table.changedAt + policy.foldAfter <= now
        }.map { .close(table: $0.name) }
    }
}
