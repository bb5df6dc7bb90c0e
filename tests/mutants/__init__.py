"""Wrong versions of medkit that its tests must refuse: see README.md."""
