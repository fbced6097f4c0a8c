package import Declarations

/// Values of an instant or a range query, whatever their labels: all that a component's state depends on.
package struct QueryValues: Hashable, Sendable {
    /// By instant in milliseconds since 1970.
    package var byTime: [Int64: [Double]]

    package init(byTime: [Int64: [Double]]) { self.byTime = byTime }

    /// Reads `data` of Prometheus' query API.
    package init(data: JSONValue) {
        byTime = [:]
        switch data["resultType"]?.string {
        case "scalar": add(data["result"])
        case "vector": for item in data["result"]?.array ?? [] { add(item["value"]) }
        case "matrix":
            for item in data["result"]?.array ?? [] {
                for sample in item["values"]?.array ?? [] { add(sample) }
            }
        default: break
        }
    }

    private mutating func add(_ sample: JSONValue?) {
        guard let pair = sample?.array, pair.count == 2, let seconds = pair[0].number, let text = pair[1].string,
            let value = Double(text)
        else { return }
        byTime[Int64((seconds * 1000).rounded()), default: []].append(value)
    }
}

extension ComponentState {
    /// What values say: all other than zero is up, all zero is down, some is partly. What is no number says nothing.
    package init(values: [Double], empty: StatusPageSpec.Component.Empty) {
        let known: [Double] = values.filter { !$0.isNaN }
        let zeros: Int = known.count { $0 == 0 }
        guard !known.isEmpty else {
            switch empty {
            case .unknown: self = .unknown
            case .down: self = .down
            case .up: self = .up
            }
            return
        }
        self = zeros == 0 ? .up : zeros == known.count ? .down : .partly
    }
}
