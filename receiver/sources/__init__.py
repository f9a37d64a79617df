"""One module a platform: how its deliveries are verified, named and normalised."""
