"""Put the parts together: models, engines, cases, records and encounters."""
