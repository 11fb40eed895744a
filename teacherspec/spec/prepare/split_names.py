"""Names of the splits that a declaration may use."""

BY_HASH = "by_hash"
"""Rows of such a source are distributed over the fixed splits by a hash of their content or group."""

FIXED_SPLITS = ("train", "validation", "calibration", "test")
"""The splits that every teacher has, in the order of the pipeline."""

TRANSFER = "transfer"
"""Role of unlabelled rows, and the name of their split unless declared otherwise."""

WITHOUT_LABEL = ("ood", TRANSFER)
"""Roles of sources whose rows need no label."""
