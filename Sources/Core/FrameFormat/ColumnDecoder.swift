import Telemetry

/// Reads the columns of one table into its values, frame by frame.
struct ColumnDecoder {
    private var reader: ByteReader
    private let width: Int
    private let height: Int
    private let reference: ReferenceFrame?

    /// Answers the values of `height` frames of `width` series, and how each column is written.
    static func values(
        _ reader: ByteReader, width: Int, height: Int, reference: ReferenceFrame?
    ) throws(FrameFormatError) -> (values: [Double], forms: [ColumnForm]) {
        var decoder = ColumnDecoder(reader: reader, width: width, height: height, reference: reference)
        let forms: [ColumnForm] = reference == nil ? try decoder.forms() : try decoder.changedForms()
        let cells: Int = width * height
        var values = [Double](repeating: .absent, count: cells)
        var states = [UInt8](repeating: 0, count: height)
        let outcome: Result<Void, FrameFormatError> = values.withUnsafeMutableBufferPointer { cells in
            decoder.readAll(forms, into: cells, states: &states)
        }
        try outcome.get()
        return (values, forms)
    }

    private init(reader: ByteReader, width: Int, height: Int, reference: ReferenceFrame?) {
        self.reader = reader
        self.reference = reference
        self.width = width
        self.height = height
    }

    private mutating func forms() throws(FrameFormatError) -> [ColumnForm] {
        var forms: [ColumnForm] = []
        forms.reserveCapacity(width)
        while forms.count < width {
            guard let form = ColumnForm(try reader.byte()) else { throw reader.failure("an unknown form of a column") }
            let count: Int = try reader.count(atMost: width - forms.count, "columns of one form")
            guard count > 0 else { throw reader.failure("no columns of a form") }
            forms += repeatElement(form, count: count)
        }
        return forms
    }

    /// Those of the reference, but for the ones that are named.
    private mutating func changedForms() throws(FrameFormatError) -> [ColumnForm] {
        var forms: [ColumnForm] = reference?.forms ?? []
        let changes: Int = try reader.count(atMost: width, "changed forms")
        var column = 0
        for _ in 0..<changes {
            column += try reader.count(atMost: width, "columns")
            guard column < width, let form = ColumnForm(try reader.byte()) else {
                throw reader.failure("an unknown form of a column, or of no column")
            }
            forms[column] = form
            column += 1
        }
        return forms
    }

    private mutating func readAll(
        _ forms: [ColumnForm], into cells: UnsafeMutableBufferPointer<Double>, states: inout [UInt8]
    ) -> Result<Void, FrameFormatError> {
        do throws(FrameFormatError) {
            for (column, form) in forms.enumerated() { try read(form, column, into: cells, states: &states) }
            guard reader.remaining == 0 else { throw reader.failure("bytes after the last column") }
            return .success(())
        } catch { return .failure(error) }
    }

    private mutating func read(
        _ form: ColumnForm, _ column: Int, into cells: UnsafeMutableBufferPointer<Double>, states: inout [UInt8]
    ) throws(FrameFormatError) {
        if form.hasStates { try readStates(&states) }
        if form.scale == .bits { return try readBits(form, column, into: cells, states) }
        if form.coding == .differences { return try readDifferences(form, column, into: cells, states) }
        try readPacked(form, column, into: cells, states)
    }

    private mutating func readStates(_ states: inout [UInt8]) throws(FrameFormatError) {
        var row = 0
        while row < height {
            var byte: UInt8 = try reader.byte()
            for place in row..<min(row + 4, height) {
                states[place] = byte & 3
                byte >>= 2
            }
            row += 4
        }
    }

    /// The value at a place that holds no number; nil where it holds one.
    @inline(__always) private func special(_ form: ColumnForm, _ states: [UInt8], _ row: Int) -> Double? {
        guard form.hasStates, states[row] != 0 else { return nil }
        return CellState(rawValue: states[row])?.special
    }

    private mutating func readDifferences(
        _ form: ColumnForm, _ column: Int, into cells: UnsafeMutableBufferPointer<Double>, _ states: [UInt8]
    ) throws(FrameFormatError) {
        let divisor: Double = form.scale.divisor
        var whole: Int64 = reference?.whole(column, form.scale) ?? 0
        var place: Int = column
        for row in 0..<height {
            if let special = special(form, states, row) {
                cells[place] = special
            } else {
                whole &+= try reader.signed()
                cells[place] = Double(whole) / divisor
            }
            place += width
        }
    }

    private mutating func readPacked(
        _ form: ColumnForm, _ column: Int, into cells: UnsafeMutableBufferPointer<Double>, _ states: [UInt8]
    ) throws(FrameFormatError) {
        let order: Int = form.coding.order
        let divisor: Double = form.scale.divisor
        let count: Int = form.hasStates ? states.reduce(0) { $0 + ($1 == 0 ? 1 : 0) } : height
        var (whole, step): (Int64, Int64) = (0, 0)
        if order > 0, count > 0 { whole = (reference?.whole(column, form.scale) ?? 0) &+ (try reader.signed()) }
        if order > 1, count > 1 { step = try reader.signed() }
        var packed: PackedReader? = count > order ? try PackedReader(&reader, count: count - order) : nil
        var place: Int = column
        var index = 0
        for row in 0..<height {
            if let special = special(form, states, row) {
                cells[place] = special
            } else {
                switch order {
                case 0: whole = packed?.next() ?? 0
                case 1: if index > 0 { whole &+= packed?.next() ?? 0 }
                default:
                    if index > 1 { step &+= packed?.next() ?? 0 }
                    if index > 0 { whole &+= step }
                }
                cells[place] = Double(whole) / divisor
                index += 1
            }
            place += width
        }
    }

    private mutating func readBits(
        _ form: ColumnForm, _ column: Int, into cells: UnsafeMutableBufferPointer<Double>, _ states: [UInt8]
    ) throws(FrameFormatError) {
        var bits: UInt64 = reference?.bits(column) ?? 0
        for row in 0..<height {
            let place: Int = row * width + column
            if let special = special(form, states, row) {
                cells[place] = special
                continue
            }
            let lengths: UInt8 = try reader.byte()
            let (count, behind) = (Int(lengths >> 4), Int(lengths & 0x0F))
            guard count + behind <= 8 else { throw reader.failure("a value of more than 8 bytes") }
            if count > 0 { bits ^= try reader.bits(count, shift: behind) }
            // A NaN belongs among the states; here it is the ordinary one, whatever its bits.
            let value = Double(bitPattern: bits)
            cells[place] = value.isNaN ? .nan : value
        }
    }
}
