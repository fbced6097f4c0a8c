/// The bootstrap config of gitops-sync that `plumb up` writes on first use: what cannot come from git. Never written
/// again; from then on it is the operator's.
package struct SyncBootstrap: Hashable, Sendable {
    package var repositoryURL: String
    package var branch: String
    package var serverURL: String
    package var tokenFile: String
    /// Nil where there is no proxy.
    package var proxy: Proxy?
    package var stateDirectory: String
    package var socket: String
    package var listen: String

    package init(
        repositoryURL: String, branch: String, serverURL: String, tokenFile: String, proxy: Proxy? = nil,
        stateDirectory: String, socket: String, listen: String
    ) {
        self.proxy = proxy
        self.repositoryURL = repositoryURL
        self.branch = branch
        self.serverURL = serverURL
        self.tokenFile = tokenFile
        self.stateDirectory = stateDirectory
        self.socket = socket
        self.listen = listen
    }

    /// What changes from start to start, as the variables that go before the file: the file may be the operator's, or
    /// of a start on another port.
    package var environment: [String: String] {
        var variables: [String: String] = [
            "PLUMB_SERVER_URL": serverURL, "PLUMB_CONTROL_SOCKET": socket, "PLUMB_LISTEN": listen,
        ]
        variables["PLUMB_PROXY_URL"] = proxy?.url
        variables["PLUMB_PROXY_TOKEN_FILE"] = proxy?.tokenFile
        return variables
    }

    package struct Proxy: Hashable, Sendable {
        package var url: String
        package var tokenFile: String

        package init(url: String, tokenFile: String) {
            self.url = url
            self.tokenFile = tokenFile
        }
    }

    /// Those of the values that a bootstrap config of this text does not have. Then commands that are given the file
    /// alone look for the daemon in the wrong place.
    package func missing(in text: String) -> [String] {
        [serverURL, socket, listen, proxy?.url].compactMap { $0 }.filter { !text.contains($0) }
    }

    package var yaml: String {
        """
        # The bootstrap config of gitops-sync: what cannot come from git. plumb up wrote it once; it is yours now.
        # docs/reference/gitops-sync.md says what else can stand here.
        repository:
          url: \(yamlQuoted(repositoryURL))
          branch: \(yamlQuoted(branch))
        # enforce corrects what differs from git; observe only reports it.
        mode: enforce
        # How often git is fetched, and how often live state is compared with it.
        interval: 1m
        drift:
          interval: 10s
        server:
          url: \(yamlQuoted(serverURL))
          tokenFile: \(yamlQuoted(tokenFile))
        \(proxyLines)stateDirectory: \(yamlQuoted(stateDirectory))
        controlSocket: \(yamlQuoted(socket))
        listen: \(yamlQuoted(listen))

        """
    }
}

extension SyncBootstrap {
    private var proxyLines: String {
        guard let proxy else { return "" }
        return "proxy:\n  url: \(yamlQuoted(proxy.url))\n  tokenFile: \(yamlQuoted(proxy.tokenFile))\n"
    }
}

/// `text` as a double-quoted scalar of YAML.
func yamlQuoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"", "\\": quoted += "\\\(scalar)"
        case _ where scalar.value < 0x20:
            let hex: String = String(scalar.value, radix: 16)
            quoted += "\\x\(hex.count == 1 ? "0" : "")\(hex)"
        default: quoted.unicodeScalars.append(scalar)
        }
    }
    return quoted + "\""
}
