package import Telemetry

/// A frame that both sides have, from which the next one is told as differences: what makes a request of one frame
/// small. It is named by what is in it, so that neither side can take another one for it.
package struct ReferenceFrame: Sendable {
    package let source: Source
    package let layout: LayoutHash
    package let time: Timestamp
    /// The distance from the frame before it, in microseconds; 0 where none is known.
    let step: Int64
    /// A value for each series of the layout.
    package let values: [Double]
    /// How each column was written.
    let forms: [ColumnForm]
    package let id: UInt64

    /// The last frame of what was written in `forms` after `before`; nil where there is no frame.
    init?(
        lastOf table: FrameTable, source: Source, layout: LayoutHash, forms: [ColumnForm], before: ReferenceFrame?
    ) {
        guard let time = table.times.last else { return nil }
        let earlier: Timestamp? = table.times.count > 1 ? table.times[table.times.count - 2] : before?.time
        self.source = source
        self.layout = layout
        self.time = time
        step = earlier.map { time.microseconds &- $0.microseconds } ?? 0
        values = Array(table.row(table.times.count - 1))
        self.forms = forms
        var hash = WordHash()
        for text in [source.host, source.producer] {
            for byte in text.utf8 { hash.add(UInt64(byte)) }
            // No byte of UTF-8, so that two texts are not taken for two others.
            hash.add(0xFF)
        }
        for word in [layout.high, layout.low, UInt64(bitPattern: time.microseconds), UInt64(bitPattern: step)] {
            hash.add(word)
        }
        for (value, form) in zip(values, forms) {
            hash.add(value.bitPattern)
            hash.add(UInt64(form.byte))
        }
        id = hash.value
    }

    /// The whole number that stands before the first of a column: 0 where the value has none at that scale.
    func whole(_ column: Int, _ scale: Scale) -> Int64 {
        let value: Double = values[column]
        return value.isNaN ? 0 : scale.whole(value) ?? 0
    }

    /// The bits that stand before the first of a column.
    func bits(_ column: Int) -> UInt64 { values[column].isNaN ? 0 : values[column].bitPattern }
}

/// FNV-1a over words of 64 bits, with a mix of the upper half: this is about mistakes, not about malice.
private struct WordHash {
    private var state: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ word: UInt64) { state = ((state ^ word) &* 0x100_0000_01B3) ^ (state >> 29) }

    var value: UInt64 { state ^ (state >> 32) }
}
