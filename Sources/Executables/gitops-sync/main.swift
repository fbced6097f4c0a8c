import SyncDaemon

await SyncProgram.main()
