"""The command line: arguments, printing, exit codes. No decision lives here."""
