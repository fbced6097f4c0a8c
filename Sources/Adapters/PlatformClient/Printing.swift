package import Declarations
import Glibc

/// Descriptor 1.
package enum StandardOutput {
    package static func line(_ text: String) {
        print(text)
        // Progress belongs on the screen now, also when the output is a pipe.
        fflush(nil)
    }

    package static func json(_ value: JSONValue) { line(value.canonicalText) }
}

/// Columns of text, each as wide as its widest cell.
package struct TextTable: Sendable {
    private var rows: [[String]]

    package init(header: [String]) { rows = [header] }

    package mutating func add(_ row: [String]) { rows.append(row) }

    package var text: String {
        let columns: Int = rows.map(\.count).max() ?? 0
        let widths: [Int] = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        let lines: [String] = rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let isLast: Bool = column == row.count - 1
                line += isLast ? cell : cell + String(repeating: " ", count: widths[column] - cell.count + 2)
            }
            return String(line.reversed().trimmingPrefix { $0 == " " }.reversed())
        }
        return lines.joined(separator: "\n")
    }
}
