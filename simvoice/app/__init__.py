"""The parts put together: models, engines, cases, records and encounters."""
