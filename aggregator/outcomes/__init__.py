"""What the outcomes say as they stand, by cell, box and label. Nothing here infers anything."""
