"""Cases as educators write them: schema, files, checks and suites."""
