"""Who may enter the hub: sign-in, access of each route, and the checks around every request."""
