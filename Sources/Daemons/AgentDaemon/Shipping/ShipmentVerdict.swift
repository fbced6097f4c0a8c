/// What an answer to a shipment means for it.
package enum ShipmentVerdict: Hashable, Sendable {
    /// It is stored.
    case delivered
    /// It is kept and sent again, not before the given span where the server named one. A refused token is among these:
    /// it says something of us, not of the data.
    case later(Duration?)
    /// It will never be taken as it is: it is cut smaller.
    case refused

    package init(status: Int, retryAfter: Duration?) {
        switch status {
        case 200..<300: self = .delivered
        // Bad request, too large, unsupported form, not to be processed: sending the same again gives the same again.
        case 400, 413, 415, 422: self = .refused
        // All others may pass: 401 and 403 with another token, 404 and 405 with another version or address, 408, 429
        // and 5xx by themselves.
        default: self = .later(retryAfter)
        }
    }
}
