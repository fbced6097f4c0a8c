extension Expression {
    /// The expression without the filter at its top: `rate(x[5m])` for `rate(x[5m]) > 3`.
    ///
    /// Its series are those with data, whether the filter lets them through or not. Nil where the top is no filter.
    package var unfiltered: Expression? {
        guard let node = node.unfiltered else { return nil }
        return Expression(type: type, selectors: selectors, node: node)
    }
}

extension Node {
    fileprivate var unfiltered: Node? {
        guard case .binary(let binary) = self else { return nil }
        switch binary.operation {
        case .and, .unless: return binary.left.unfiltered
        case let operation where operation.isComparison && !binary.returnsBool:
            let vector: Node = binary.leftType == .vector ? binary.left : binary.right
            return vector.unfiltered ?? vector
        default: return nil
        }
    }
}
