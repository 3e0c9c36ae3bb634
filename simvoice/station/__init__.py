"""A kiosk computer of a skills lab: it leads one learner after another through encounters."""
