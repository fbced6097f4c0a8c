import ServerDaemon

await ServerProgram.main()
