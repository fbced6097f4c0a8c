import CLibgit2
import Glibc

/// A result code of libgit2. Raw values, not cases: the library adds codes.
struct ResultCode: RawRepresentable, Hashable {
    var rawValue: Int32

    static let notFound = ResultCode(rawValue: GIT_ENOTFOUND.rawValue)
    static let ambiguous = ResultCode(rawValue: GIT_EAMBIGUOUS.rawValue)
    static let stoppedByCaller = ResultCode(rawValue: GIT_EUSER.rawValue)
    static let invalidSpecification = ResultCode(rawValue: GIT_EINVALIDSPEC.rawValue)
    static let locked = ResultCode(rawValue: GIT_ELOCKED.rawValue)
    static let authentication = ResultCode(rawValue: GIT_EAUTH.rawValue)
    static let certificate = ResultCode(rawValue: GIT_ECERTIFICATE.rawValue)
    static let cannotPeel = ResultCode(rawValue: GIT_EPEEL.rawValue)
}

/// What libgit2 said when a call failed.
struct LibraryFailure: Error {
    var code: ResultCode
    /// The part of the library that failed, `GIT_ERROR_…`.
    var area: git_error_t
    var text: String
}

/// The one way into libgit2: takes the result of a call and turns a failure into an error, with the text that the
/// library holds for this thread. A worker has one thread that calls libgit2, so the text is of this call.
@discardableResult
func git(_ code: Int32) throws(LibraryFailure) -> Int32 {
    guard code < 0 else { return code }
    guard let last = unsafe git_error_last(), let message = unsafe last.pointee.message else {
        throw LibraryFailure(code: ResultCode(rawValue: code), area: GIT_ERROR_NONE, text: "error \(code)")
    }
    let area = unsafe git_error_t(rawValue: UInt32(bitPattern: last.pointee.klass))
    var text = unsafe String(cString: message)
    while text.last?.isWhitespace == true { text.removeLast() }
    // Left standing, the text would be taken for that of a later call that fails without one.
    git_error_clear()
    throw LibraryFailure(code: ResultCode(rawValue: code), area: area, text: text)
}

/// Which kind of object a handle holds, and how it is freed.
protocol HandleKind {
    @unsafe static func free(_ object: OpaquePointer)
}

/// An object of libgit2, freed at the end of its scope.
@safe
struct Handle<Kind: HandleKind>: ~Copyable {
    private let object: OpaquePointer

    /// Adopts what `create` makes.
    @safe init(_ create: (UnsafeMutablePointer<OpaquePointer?>) -> Int32) throws(LibraryFailure) {
        var made: OpaquePointer?
        try git(unsafe create(&made))
        guard let made = unsafe made else {
            throw LibraryFailure(code: .notFound, area: GIT_ERROR_INTERNAL, text: "libgit2 made nothing")
        }
        unsafe object = made
    }

    deinit { unsafe Kind.free(object) }

    /// Valid as long as the handle.
    @unsafe var pointer: OpaquePointer { unsafe object }
}

enum RepositoryKind: HandleKind {
    @unsafe static func free(_ object: OpaquePointer) { unsafe git_repository_free(object) }
}
enum RemoteKind: HandleKind {
    @unsafe static func free(_ object: OpaquePointer) { unsafe git_remote_free(object) }
}
enum CommitKind: HandleKind {
    @unsafe static func free(_ object: OpaquePointer) { unsafe git_commit_free(object) }
}
enum TreeKind: HandleKind {
    @unsafe static func free(_ object: OpaquePointer) { unsafe git_tree_free(object) }
}
enum BlobKind: HandleKind {
    @unsafe static func free(_ object: OpaquePointer) { unsafe git_blob_free(object) }
}
enum ObjectKind: HandleKind {
    @unsafe static func free(_ object: OpaquePointer) { unsafe git_object_free(object) }
}
enum DatabaseKind: HandleKind {
    @unsafe static func free(_ object: OpaquePointer) { unsafe git_odb_free(object) }
}
enum WalkKind: HandleKind {
    @unsafe static func free(_ object: OpaquePointer) { unsafe git_revwalk_free(object) }
}
enum TreeEntryKind: HandleKind {
    @unsafe static func free(_ object: OpaquePointer) { unsafe git_tree_entry_free(object) }
}
enum ReferenceKind: HandleKind {
    @unsafe static func free(_ object: OpaquePointer) { unsafe git_reference_free(object) }
}

extension ObjectID {
    init(_ oid: git_oid) {
        self = unsafe withUnsafeBytes(of: oid.id) { bytes in
            unsafe ObjectID(
                UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)))
        }
    }

    /// Copies what libgit2 points to.
    @unsafe init(copying oid: UnsafePointer<git_oid>) { self.init(unsafe oid.pointee) }

    var oid: git_oid {
        var oid = git_oid()
        let (first, second, third) = words
        unsafe withUnsafeMutableBytes(of: &oid.id) { bytes in
            unsafe bytes.storeBytes(of: first.bigEndian, as: UInt64.self)
            unsafe bytes.storeBytes(of: second.bigEndian, toByteOffset: 8, as: UInt64.self)
            unsafe bytes.storeBytes(of: third.bigEndian, toByteOffset: 16, as: UInt32.self)
        }
        return oid
    }
}
