import ProxyDaemon

await ProxyProgram.main()
