package import ArgumentParser
import Runtime

/// Where the database is: the flag, else `DATABASE_URL`.
package struct DatabaseOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The database: a libpq connection string or URL. Default: DATABASE_URL. Keep passwords in ~/.pgpass.",
            valueName: "conninfo"))
    package var database: String?

    package init() {}

    package var conninfo: String {
        get throws {
            guard let conninfo = database ?? ProcessEnvironment.value("DATABASE_URL") else {
                throw ValidationError("--database is needed (or DATABASE_URL): where PostgreSQL is")
            }
            return conninfo
        }
    }
}

/// Where the keys are: the flag, else `PLUMB_KEYS`.
package struct KeysOption: ParsableArguments {
    @Option(
        help: ArgumentHelp("The file of the token keys, made on first use. Default: PLUMB_KEYS.", valueName: "file"))
    package var keys: String?

    package init() {}

    package var file: String {
        get throws {
            guard let file = keys ?? ProcessEnvironment.value("PLUMB_KEYS") else {
                throw ValidationError("--keys is needed (or PLUMB_KEYS): the file of the token keys")
            }
            return file
        }
    }
}

/// How many crashes turn the engines off: the flag, else `PLUMB_CRASH_LIMIT`.
package struct CrashLimitOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "After this many crashes within 5m of loading one generation, start without engines until another is loaded; 0 for never. PLUMB_CRASH_LIMIT. Default 3.",
            valueName: "count"))
    package var crashLimit: Int?

    package init() {}

    package var count: Int {
        get throws {
            if let crashLimit { return crashLimit }
            guard let text = ProcessEnvironment.value("PLUMB_CRASH_LIMIT") else { return SafeMode.crashLimit }
            guard let count = Int(text) else {
                throw ValidationError("PLUMB_CRASH_LIMIT: expected a number, got \"\(text)\"")
            }
            return count
        }
    }
}
